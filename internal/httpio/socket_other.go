//go:build !unix

package httpio

import "syscall"

const socketsKnown = false

func tryWrite(syscall.RawConn, []byte) (int, error) { return 0, errNoTakeover }

func alive(syscall.RawConn) bool { return false }
