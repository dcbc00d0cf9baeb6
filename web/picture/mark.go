package picture

import (
	"image"
	"image/color"

	"golang.org/x/image/vector"
)

// markSize is that of the product's sign, whose drawing is 64 units wide.
const markSize = 44

// mark draws the product's sign, with its left upper corner at a point.
func (p *painter) mark(at image.Point) {
	p.shape(at, brand, [][2]float32{{11.9, 39.9}, {26, 25.8}, {34.7, 33.5}, {47.7, 18.1}, {52.3, 21.9}, {35.3, 42.2}, {26.2, 34.1}, {16.1, 44.1}})
	p.shape(at, ink, [][2]float32{{50, 14}, {54.2, 15.8}, {56, 20}, {54.2, 24.2}, {50, 26}, {45.8, 24.2}, {44, 20}, {45.8, 15.8}})
}

// shape fills a polygon of the sign's units.
func (p *painter) shape(at image.Point, c color.RGBA, points [][2]float32) {
	const scale = float32(markSize) / 64
	r := vector.NewRasterizer(markSize, markSize)
	r.MoveTo(points[0][0]*scale, points[0][1]*scale)
	for _, next := range points[1:] {
		r.LineTo(next[0]*scale, next[1]*scale)
	}
	r.ClosePath()
	box := image.Rect(at.X, at.Y, at.X+markSize, at.Y+markSize)
	r.Draw(p.canvas, box, image.NewUniform(c), image.Point{})
}
