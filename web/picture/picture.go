// Package picture draws the pictures with which links to public pages are shown elsewhere.
package picture

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
)

// Width and Height are those that every place which shows links asks for, in pixels.
const (
	Width  = 1200
	Height = 630
)

// version rises with every change of how cards look, so that no picture made before it
// is taken for one made after.
const version = 1

// Tone is the colour of a value. It never stands alone: sign or word say the same.
type Tone string

// The tones. A picture has no reader whose palette could be asked for: gains are green.
const (
	Plain Tone = ""
	Gain  Tone = "gain"
	Loss  Tone = "loss"
	Quiet Tone = "quiet" // zero, and what is not known
	Good  Tone = "good"
	Wait  Tone = "wait"
	Bad   Tone = "bad"
)

// Card is what one picture says, in words that are ready to be read. What the font has
// no letters for is left out, what has no room is cut.
type Card struct {
	Title   string // the largest; Under stands for one of which nothing can be drawn
	Under   string
	Tone    Tone // of Under
	AsOf    string
	Figures []Figure // at most 4, beside each other
	Rows    []Row    // at most 10, from the sixth on in two columns
	Remark  string   // a sentence to be seen first, in amber
	Note    string   // what has to stand beside results
}

// Figure is one number with its name.
type Figure struct {
	Label, Value string
	Tone         Tone
}

// Row is one line of a list.
type Row struct {
	Lead        string // a rank
	Name, Under string
	Value       string
	Tone        Tone
}

// Key names the picture of a card: the same words in the same version, the same key.
func (c Card) Key() string {
	text, err := json.Marshal(c)
	if err != nil { // texts only: it cannot be
		text = fmt.Append(nil, c)
	}
	sum := sha256.Sum256(fmt.Appendf(text, " %d", version))
	return hex.EncodeToString(sum[:16])
}

// Draw makes the PNG of a card. Two draws of one card are the same bytes.
func Draw(c Card) ([]byte, error) {
	canvas, err := paint(c)
	if err != nil {
		return nil, fmt.Errorf("draw a picture: %w", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, canvas); err != nil {
		return nil, fmt.Errorf("write a picture: %w", err)
	}
	return b.Bytes(), nil
}

// paint is the picture itself.
func paint(c Card) (*image.RGBA, error) {
	p := &painter{canvas: image.NewRGBA(image.Rect(0, 0, Width, Height))}
	p.fill(p.canvas.Bounds(), background)
	p.card(c)
	return p.canvas, p.err
}

// The dark theme's colours, as the style sheet has them.
var (
	background = color.RGBA{0x17, 0x17, 0x1f, 0xff}
	panel      = color.RGBA{0x22, 0x22, 0x2c, 0xff}
	ink        = color.RGBA{0xe8, 0xe8, 0xf0, 0xff}
	faint      = color.RGBA{0xa6, 0xa6, 0xb4, 0xff}
	brand      = color.RGBA{0xa9, 0x9b, 0xff, 0xff}
	green      = color.RGBA{0x5b, 0xd3, 0x92, 0xff}
	red        = color.RGBA{0xf5, 0x74, 0x6f, 0xff}
	amber      = color.RGBA{0xe6, 0xbd, 0x5a, 0xff}
)

func (t Tone) color() color.RGBA {
	switch t {
	case Gain, Good:
		return green
	case Loss, Bad:
		return red
	case Wait:
		return amber
	case Quiet:
		return faint
	}
	return ink
}

func (p *painter) fill(r image.Rectangle, c color.RGBA) {
	draw.Draw(p.canvas, r, image.NewUniform(c), image.Point{}, draw.Src)
}
