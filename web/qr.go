package web

import (
	"fmt"
	"strconv"
	"strings"

	"rsc.io/qr"
)

// qrQuiet is the empty border that readers need, in modules.
const qrQuiet = 4

// qrCode is a text as a picture for another device's camera: the side of its square in
// modules, border included, and the path of its dark ones. It is empty for a text that no
// code of this kind holds.
type qrCode struct {
	Side int
	Path string
}

// newQR draws one path, a rectangle for each run of dark modules in a row.
func newQR(text string) qrCode {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return qrCode{}
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for x+run < code.Size && code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+qrQuiet, y+qrQuiet, run, run)
				x += run
			}
		}
	}
	return qrCode{Side: code.Size + 2*qrQuiet, Path: path.String()}
}

func (c qrCode) viewBox() string { return "0 0 " + strconv.Itoa(c.Side) + " " + strconv.Itoa(c.Side) }
