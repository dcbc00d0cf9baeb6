package picture

import (
	"image"
	"image/color"
	"sort"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/unicode/norm"
)

// painter draws on one canvas; after its first error it does nothing more.
type painter struct {
	canvas *image.RGBA
	err    error
}

// typeface is one of the two that are compiled in.
type typeface struct{ read func() (*sfnt.Font, error) }

// The Go fonts have the letters of Latin, Greek and Cyrillic, and the true minus. They come
// as a Go module under its own licence, so that nothing has to be downloaded or committed.
var (
	regular = typeface{sync.OnceValues(func() (*sfnt.Font, error) { return sfnt.Parse(goregular.TTF) })}
	bold    = typeface{sync.OnceValues(func() (*sfnt.Font, error) { return sfnt.Parse(gobold.TTF) })}
)

// legible is what of words can be drawn, in one line: letters that the face has, put
// together where a letter and its accent come apart. Marks without a letter and signs that
// only steer (joiners, directions) are no letters. The faces have no script that runs from
// right to left, so what is left runs one way. Of more than the longest text the rest is left out:
// it has no room on a picture, and would be work.
func legible(face typeface, words string) string {
	f, err := face.read()
	if err != nil {
		return ""
	}
	var buffer sfnt.Buffer
	kept := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) || unicode.Is(unicode.M, r) {
			return -1
		}
		if glyph, err := f.GlyphIndex(&buffer, r); err != nil || glyph == 0 {
			return -1
		}
		return r
	}, norm.NFC.String(bounded(words)))
	return strings.Join(strings.Fields(kept), " ")
}

const longest = 300 // characters

func bounded(words string) string {
	letters := []rune(words)
	return string(letters[:min(len(letters), longest)])
}

func (p *painter) face(t typeface, size float64) font.Face {
	f, err := t.read()
	if err == nil {
		var made font.Face
		if made, err = opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone}); err == nil {
			return made
		}
	}
	p.err = err
	return nil
}

// left writes words from x on, and returns how wide they came out.
func (p *painter) left(t typeface, size float64, x, line, room int, words string, c color.RGBA) int {
	return p.write(t, size, line, room, legible(t, words), c, func(int) int { return x })
}

// right writes them so that they end at x.
func (p *painter) right(t typeface, size float64, x, line, room int, words string, c color.RGBA) int {
	return p.write(t, size, line, room, legible(t, words), c, func(wide int) int { return x - wide })
}

// shrunk writes smaller what has no room, down to two fifths, before it is cut: a figure that
// lacks its last digits is another figure.
func (p *painter) shrunk(t typeface, size float64, x, line, room int, words string, c color.RGBA) {
	words = legible(t, words)
	for smallest := size * 2 / 5; size > smallest; size -= 2 {
		if face := p.face(t, size); face != nil && font.MeasureString(face, words).Ceil() <= room {
			break
		}
	}
	p.write(t, size, line, room, words, c, func(int) int { return x })
}

// write takes words that are legible.
func (p *painter) write(t typeface, size float64, line, room int, words string, c color.RGBA, from func(wide int) int) int {
	if p.err != nil {
		return 0
	}
	face := p.face(t, size)
	if face == nil || words == "" {
		return 0
	}
	shown := cut(face, words, room)
	wide := font.MeasureString(face, shown).Ceil()
	pen := font.Drawer{Dst: p.canvas, Src: image.NewUniform(c), Face: face, Dot: fixed.P(from(wide), line)}
	pen.DrawString(shown)
	return wide
}

// cut shortens words to what there is room for; a dash of three points says so.
func cut(face font.Face, words string, room int) string {
	if font.MeasureString(face, words).Ceil() <= room {
		return words
	}
	letters := []rune(words)
	short := func(n int) string { return strings.TrimRight(string(letters[:n]), " ") + "…" }
	n := sort.Search(len(letters), func(n int) bool { return font.MeasureString(face, short(n+1)).Ceil() > room })
	if n == 0 {
		return ""
	}
	return short(n)
}
