//go:build unix

package httpio

import (
	"errors"
	"syscall"
)

// socketsKnown: what a stream needs of its socket can be asked here.
const socketsKnown = true

// tryWrite hands over as much as the socket takes now.
func tryWrite(raw syscall.RawConn, b []byte) (n int, err error) {
	outer := raw.Write(func(fd uintptr) bool {
		n, err = syscall.Write(int(fd), b)
		return true // whatever came of it: waiting is the caller's
	})
	switch {
	case outer != nil:
		return 0, outer
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return 0, nil
	case err != nil:
		return 0, err
	}
	return n, nil
}

// alive tells whether the other side has neither closed nor reset the connection, as far
// as the socket knows.
func alive(raw syscall.RawConn) bool {
	var n int
	var err error
	var b [1]byte
	outer := raw.Read(func(fd uintptr) bool {
		n, _, err = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	})
	if outer != nil {
		return false
	}
	return n > 0 || errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)
}
