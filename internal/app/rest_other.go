//go:build !linux

package app

func letGoOfProgram() {}
