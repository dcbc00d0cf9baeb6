package picture

import "image"

// Where things stand, in pixels. Nothing is drawn nearer to an edge than margin: places
// that show links cut a little off.
const (
	margin = 64
	inside = Width - 2*margin

	headLine  = 96
	titleLine = 206
	underLine = 258
	figureTop = 302
	figureLow = 452
	remark    = 512
	noteLine  = Height - margin + 12

	rowsTop    = 286
	rowTall    = 50
	inColumn   = 5
	figuresMax = 4
	gap        = 24
)

// card draws everything, from the top down.
func (p *painter) card(c Card) {
	p.mark(image.Pt(margin, headLine-34))
	p.left(bold, 32, margin+60, headLine, inside/2, "Alertsify", ink)
	p.right(regular, 24, Width-margin, headLine, inside/2, c.AsOf, faint)

	title, under := c.Title, c.Under
	if legible(bold, title) == "" {
		title, under = under, ""
	}
	p.left(bold, 64, margin, titleLine, inside, title, ink)
	if c.Tone == Plain {
		c.Tone = Quiet
	}
	p.left(regular, 32, margin, underLine, inside, under, c.Tone.color())

	p.figures(c.Figures[:min(len(c.Figures), figuresMax)])
	p.rows(c.Rows[:min(len(c.Rows), 2*inColumn)])
	p.left(regular, 28, margin, remark, inside, c.Remark, amber)
	p.left(regular, 24, margin, noteLine, inside, c.Note, faint)
}

func (p *painter) figures(list []Figure) {
	if len(list) == 0 {
		return
	}
	wide := (inside - gap*(len(list)-1)) / len(list)
	for i, f := range list {
		x := margin + i*(wide+gap)
		p.fill(image.Rect(x, figureTop, x+wide, figureLow), panel)
		p.left(regular, 24, x+gap, figureTop+52, wide-2*gap, f.Label, faint)
		p.shrunk(bold, 52, x+gap, figureTop+114, wide-2*gap, f.Value, f.Tone.color())
	}
}

func (p *painter) rows(list []Row) {
	columns := 1
	if len(list) > inColumn {
		columns = 2
	}
	wide := (inside - gap*2*(columns-1)) / columns
	for i, r := range list {
		left, line := margin+i/inColumn*(wide+2*gap), rowsTop+i%inColumn*rowTall+36
		p.fill(image.Rect(left, line+14, left+wide, line+15), panel)
		x := left
		if r.Lead != "" {
			p.left(bold, 30, x, line, 64, r.Lead, faint)
			x += 76
		}
		value := p.right(bold, 30, left+wide, line, wide/2, r.Value, r.Tone.color())
		room := left + wide - value - gap - x
		name := p.left(regular, 30, x, line, room, r.Name, ink)
		if room -= name + gap/2; room > 3*gap {
			p.left(regular, 26, x+name+gap/2, line, room, r.Under, faint)
		}
	}
}
