package api

import (
	"maps"
	"slices"
	"strings"

	"github.com/alertsify/alertsify/internal/markup"
)

// docsPage draws the document as one page without script.
type docsPage struct {
	markup.Page

	doc document
}

func (p *docsPage) draw() {
	p.Put(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<link rel="stylesheet" href="/api/docs.css">
</head>
<body>
<header>
<h1>%s</h1>
<p>%s</p>
</header>
`, p.doc.Info.Title, p.doc.Info.Title, p.doc.Info.Summary)
	groups := p.doc.groups()
	p.contents(groups)
	p.Raw("<main>\n<section>\n")
	for paragraph := range strings.SplitSeq(p.doc.Info.Description, "\n\n") {
		p.Put("<p>%s</p>\n", code(paragraph))
	}
	p.Raw("</section>\n")
	for _, g := range groups {
		p.Put(`<section id="%s">`+"\n<h2>%s</h2>\n<p>%s</p>\n", g.Name, g.Name, code(g.Description))
		for _, o := range g.Operations {
			p.operation(o)
		}
		p.Raw("</section>\n")
	}
	p.shapes()
	p.Raw("</main>\n</body>\n</html>\n")
}

func (p *docsPage) contents(groups []group) {
	p.Raw(`<nav aria-label="Contents">` + "\n<ul>\n")
	for _, g := range groups {
		p.Put(`<li><a href="#%s">%s</a></li>`+"\n", g.Name, g.Name)
	}
	p.Raw(`<li><a href="#shapes">Shapes</a></li>
<li><a href="/api/openapi.json">OpenAPI 3.1</a></li>
</ul>
</nav>
`)
}

func (p *docsPage) operation(o operation) {
	p.Put(`<article id="%s">`+"\n"+`<h3><span class="method">%s</span> <code>%s</code></h3>`+"\n<p><strong>%s.</strong> %s</p>\n",
		o.OperationID, strings.ToUpper(o.Method), o.Path, o.Summary, code(o.Description))
	p.parameters(o.Parameters)
	if body := o.RequestBody; body != nil {
		p.Raw("<h4>Body</h4>\n")
		p.described(body.Description)
		for _, kind := range slices.Sorted(maps.Keys(body.Content)) {
			p.schema(body.Content[kind].Schema)
			examples := body.Content[kind].Examples
			for _, name := range slices.Sorted(maps.Keys(examples)) {
				p.Put(`<pre tabindex="0">%s</pre>`+"\n", pretty(examples[name].Value))
			}
		}
	}
	p.Raw("<h4>Answers</h4>\n<dl>\n")
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		p.answer(status, p.doc.response(o.Responses[status]))
	}
	p.Raw("</dl>\n</article>\n")
}

func (p *docsPage) parameters(all []parameter) {
	if len(all) == 0 {
		return
	}
	p.Raw(`<div class="wide"><table>
<thead><tr><th scope="col">Parameter</th><th scope="col">In</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead>
<tbody>
`)
	for _, one := range all {
		one = p.doc.parameter(one)
		p.Put("<tr><td><code>%s</code>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n",
			one.Name, optional(one.Required), one.In, typeOf(one.Schema), code(one.Description))
	}
	p.Raw("</tbody></table></div>\n")
}

func (p *docsPage) answer(status string, r response) {
	p.Put("<dt>%s</dt>\n<dd>%s", status, code(r.Description))
	for _, kind := range slices.Sorted(maps.Keys(r.Content)) {
		of := r.Content[kind].Schema
		data, wrapped := of.Properties["data"]
		switch {
		case wrapped && len(data.Properties) > 0:
			p.Raw(" <code>data</code>: ")
			p.schema(data)
		case wrapped:
			p.Put(" <code>data</code>: %s", typeOf(data))
		case of.Ref != "":
			p.Put(` <a href="#schema-%s">%s</a>`, base(of.Ref), base(of.Ref))
		}
	}
	if len(r.Events) > 0 {
		p.Raw("\n<ul>")
		for _, name := range slices.Sorted(maps.Keys(r.Events)) {
			p.Put("<li><code>%s</code>: %s</li>", name, typeOf(r.Events[name]))
		}
		p.Raw("</ul>")
	}
	p.Raw("</dd>\n")
}

func (p *docsPage) shapes() {
	p.Raw(`<section id="shapes">` + "\n<h2>Shapes</h2>\n")
	for _, s := range p.doc.schemas() {
		p.Put(`<article id="schema-%s">`+"\n<h3>%s</h3>\n", s.Name, s.Name)
		p.schema(s)
		for _, example := range s.Examples {
			p.Put(`<pre tabindex="0">%s</pre>`+"\n", pretty(example))
		}
		p.Raw("</article>\n")
	}
	p.Raw("</section>\n")
}

func (p *docsPage) schema(s schema) {
	p.described(s.Description)
	if len(s.Properties) == 0 {
		p.Put("<p>%s</p>\n", typeOf(s))
		return
	}
	p.Raw(`<div class="wide"><table>
<thead><tr><th scope="col">Field</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead>
<tbody>
`)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		field := s.Properties[name]
		p.Put("<tr><td><code>%s</code>%s</td><td>%s</td><td>%s</td></tr>\n",
			name, optional(slices.Contains(s.Required, name)), typeOf(field), code(field.Description))
	}
	p.Raw("</tbody></table></div>\n")
}

func (p *docsPage) described(text string) {
	if text != "" {
		p.Put("<p>%s</p>\n", code(text))
	}
}

func optional(required bool) markup.HTML {
	if required {
		return ""
	}
	return " <em>optional</em>"
}
