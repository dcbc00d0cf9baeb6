package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
)

// drawn is the picture of a card.
func drawn(t *testing.T, c Card) *image.RGBA {
	t.Helper()
	shown, err := paint(c)
	if err != nil {
		t.Fatal(err)
	}
	return shown
}

// count is how many pixels of a rectangle have a colour.
func count(shown *image.RGBA, r image.Rectangle, want color.RGBA) (n int) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if shown.RGBAAt(x, y) == want {
				n++
			}
		}
	}
	return n
}

// strayed counts what is drawn outside the margins.
func strayed(shown *image.RGBA) int {
	outside := []image.Rectangle{
		image.Rect(0, 0, Width, margin-4), image.Rect(0, Height-margin+24, Width, Height),
		image.Rect(0, 0, margin-4, Height), image.Rect(Width-margin+4, 0, Width, Height),
	}
	n := 0
	for _, r := range outside {
		n += r.Dx()*r.Dy() - count(shown, r, background)
	}
	return n
}

// Where things stand on a card, with a little room around.
var (
	titleBox = image.Rect(margin, titleLine-60, Width-margin, titleLine+20)
	noteBox  = image.Rect(margin, noteLine-24, Width-margin, noteLine+8)
)

func figureBox(i, of int) image.Rectangle {
	wide := (inside - gap*(of-1)) / of
	x := margin + i*(wide+gap)
	return image.Rect(x, figureTop, x+wide, figureLow)
}

var ben = Card{
	Title: "Ben Example", Under: "@ben", AsOf: "20 Nov 2026", Note: "Not advice.",
	Figures: []Figure{{"Profit", "+$18,420.50", Gain}, {"30 days", "−$310.25", Loss}, {"Today", "$0.00", Quiet}, {"Followers", "240", Plain}},
}

// What a card says is where its reader looks for it, in the colour that its sign has too.
func TestEverythingStandsInItsPlace(t *testing.T) {
	t.Parallel()
	shown := drawn(t, ben)
	if count(shown, titleBox, ink) < 500 {
		t.Error("no title")
	}
	if count(shown, noteBox, faint) < 50 {
		t.Error("no note")
	}
	tones := []color.RGBA{green, red, faint, ink}
	for i := range ben.Figures {
		for j, tone := range tones {
			value := figureBox(i, 4)
			value.Min.Y += 60 // below the label
			if got := count(shown, value, tone); (got > 50) != (i == j) {
				t.Errorf("figure %d has %d pixels of tone %d", i, got, j)
			}
		}
	}
	if n := strayed(shown); n > 0 {
		t.Errorf("%d pixels lie outside the margins", n)
	}
}

func TestOneCardIsOnePicture(t *testing.T) {
	t.Parallel()
	first, err := Draw(ben)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Draw(ben)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("two draws differ (%v)", err)
	}
	decoded, err := png.Decode(bytes.NewReader(first))
	if err != nil || decoded.Bounds() != image.Rect(0, 0, Width, Height) {
		t.Errorf("not a picture of the size that is asked for: %v", err)
	}
	other := ben
	other.Figures = append([]Figure{{"Profit", "+$18,420.51", Gain}}, ben.Figures[1:]...)
	if same := ben; other.Key() == ben.Key() || same.Key() != ben.Key() {
		t.Error("a key is not that of its card")
	}
}

// Names are anybody's: of any script, of any length, with whatever steers text. None may
// leave its place or make the picture fail.
func TestNoNameBreaksThePicture(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", " ", "王小明", "مرحبا بالعالم", "שלום", "नमस्ते", "👩‍👩‍👧‍👦🇩🇪", "\u202egnp.exe\u202c", "a\u0301\u0302\u0303\u0304\u0305\u0306", "\x00\x1b[31m\r\n\t", "\xff\xfe",
		strings.Repeat("W", 5000), strings.Repeat("Wide name ", 60), strings.Repeat("\u0301", 4000), "Ünïcödé Ωμέγα Привет", strings.Repeat("ﷺ", 50),
	} {
		card := Card{
			Title: name, Under: name, AsOf: name, Remark: name, Note: name, Figures: []Figure{{name, name, Gain}, {name, name, Loss}},
			Rows: []Row{{Lead: name, Name: name, Under: name, Value: name}, {Name: name, Value: "+$1.00", Tone: Gain}},
		}
		if n := strayed(drawn(t, card)); n > 0 {
			t.Errorf("%.20q: %d pixels lie outside the margins", name, n)
		}
	}
}

// Letters that the font has not are left out, and no box stands for them.
func TestWhatCannotBeDrawnIsLeftOut(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"Ben Example": "Ben Example", "王 Wang 小明": "Wang", "Zoe\u0308": "Zoë", "a\u202eb\u200dc\u0301": "ab" + "ć",
		"tab\tand\nline": "tab and line", "Ωμέγα Привет": "Ωμέγα Привет", "−$1.00 · …": "−$1.00 · …", "👍": "",
	} {
		if got := legible(bold, words); got != want {
			t.Errorf("%q is drawn as %q, want %q", words, got, want)
		}
	}
	unnamed := drawn(t, Card{Title: "王小明", Under: "@ben"})
	if count(unnamed, titleBox, ink) < 300 {
		t.Error("nobody is named: the username is to take the place of a name that cannot be drawn")
	}
}

// A figure is written smaller rather than cut: one that lacks its last digits is another.
func TestALongFigureKeepsItsDigits(t *testing.T) {
	t.Parallel()
	p := &painter{canvas: image.NewRGBA(image.Rect(0, 0, Width, Height))}
	room := figureBox(0, 4).Dx() - 2*gap
	face := p.face(bold, 52*2/5)
	if got := cut(face, "+$123,456,789.00", room); got != "+$123,456,789.00" {
		t.Errorf("even small it is %q", got)
	}
	if n := strayed(drawn(t, Card{Title: "x", Rows: make([]Row, 40), Figures: make([]Figure, 9)})); n > 0 {
		t.Errorf("%d pixels lie outside the margins", n)
	}
}

func BenchmarkDraw(b *testing.B) {
	for b.Loop() {
		if _, err := Draw(ben); err != nil {
			b.Fatal(err)
		}
	}
}
