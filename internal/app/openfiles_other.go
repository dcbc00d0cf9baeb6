//go:build !unix

package app

// openFilesMax is not known here.
func openFilesMax() int { return 0 }
