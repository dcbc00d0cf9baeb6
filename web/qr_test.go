package web

import (
	"fmt"
	"strings"
	"testing"

	"rsc.io/qr"
)

// What is drawn is the code, module by module, within a border of four light ones.
func TestTheDrawnCodeIsTheCodeOfTheText(t *testing.T) {
	const text = "https://t.me/alertsify_bot?start=abcdefghijklmnopqrstuvwxyz012345"
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	drawn := newQR(text)
	if drawn.Side != code.Size+8 {
		t.Fatalf("a side of %d for %d modules", drawn.Side, code.Size)
	}
	dark := map[[2]int]bool{}
	for piece := range strings.SplitSeq(strings.TrimSuffix(drawn.Path, "z"), "z") {
		var x, y, run, back int
		if _, err := fmt.Sscanf(piece, "M%d %dh%dv1h-%d", &x, &y, &run, &back); err != nil || run != back {
			t.Fatalf("%q: %v", piece, err)
		}
		for i := range run {
			dark[[2]int{x + i, y}] = true
		}
	}
	for y := range drawn.Side {
		for x := range drawn.Side {
			inside := min(x, y) >= 4 && max(x, y) < code.Size+4
			if want := inside && code.Black(x-4, y-4); dark[[2]int{x, y}] != want {
				t.Fatalf("module %d, %d: dark is %v", x, y, !want)
			}
		}
	}
	if long := newQR(strings.Repeat("x", 5000)); long.Side != 0 {
		t.Errorf("a text that no code holds became %d modules", long.Side)
	}
}
