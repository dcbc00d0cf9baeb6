// Package legal is what members agree to: the documents, and who accepted which version.
package legal

import (
	"embed"
	"fmt"
	"strings"
	"time"
)

// The documents, by name.
const (
	Terms   = "terms"
	Privacy = "privacy"
	Risk    = "risk"
)

// AcceptPath is the page that asks for what somebody has not accepted yet.
const AcceptPath = "/legal/accept"

// Document is one text in force. A text that changes gets a new Version, and everybody is
// asked again.
type Document struct {
	Name     string // Terms, Privacy or Risk
	Title    string
	Version  string // the day it was written, YYYY-MM-DD
	Changed  string // what is different from the version before, in a sentence
	Sections []Section
}

// Section is a heading with its paragraphs.
type Section struct {
	Heading    string
	Paragraphs []string
}

// Path is where everybody may read it.
func (d Document) Path() string { return "/legal/" + d.Name }

//go:embed texts/*.txt
var texts embed.FS

// documents are read once; a text of ours that cannot be read is a build that must not run.
var documents = []Document{mustRead(Terms), mustRead(Privacy), mustRead(Risk)}

// Documents are the texts in force, in the order they are asked for.
func Documents() []Document { return append([]Document(nil), documents...) }

// Find is the text of that name.
func Find(name string) (Document, bool) {
	for _, d := range documents {
		if d.Name == name {
			return d, true
		}
	}
	return Document{}, false
}

func mustRead(name string) Document {
	text, err := texts.ReadFile("texts/" + name + ".txt")
	if err != nil {
		panic(err)
	}
	d, err := parse(name, string(text))
	if err != nil {
		panic(fmt.Sprintf("legal text %s: %v", name, err))
	}
	return d
}

// parse reads a text: lines "title:", "version:" and "changed:", then sections, each a
// line that begins with "# " and paragraphs with an empty line between them.
func parse(name, text string) (Document, error) {
	d := Document{Name: name}
	head, body, _ := strings.Cut(text, "\n\n")
	for line := range strings.Lines(head) {
		field, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch field {
		case "title":
			d.Title = value
		case "version":
			d.Version = value
		case "changed":
			d.Changed = value
		default:
			return d, fmt.Errorf("%q is no field of its head", field)
		}
	}
	for block := range strings.SplitSeq(strings.TrimSpace(body), "\n\n") {
		if heading, is := strings.CutPrefix(block, "# "); is {
			heading, first, _ := strings.Cut(heading, "\n")
			d.Sections = append(d.Sections, Section{Heading: heading, Paragraphs: []string{first}})
			continue
		}
		if len(d.Sections) == 0 {
			return d, fmt.Errorf("%.40q stands before the first heading", block)
		}
		last := &d.Sections[len(d.Sections)-1]
		last.Paragraphs = append(last.Paragraphs, block)
	}
	return d, d.check()
}

func (d Document) check() error {
	if d.Title == "" || d.Changed == "" {
		return fmt.Errorf("%s has no title, or does not say what changed", d.Name)
	}
	if _, err := time.Parse(time.DateOnly, d.Version); err != nil {
		return fmt.Errorf("version: %w", err)
	}
	for _, s := range d.Sections {
		for _, p := range s.Paragraphs {
			if s.Heading == "" || strings.TrimSpace(p) == "" {
				return fmt.Errorf("section %q has an empty part", s.Heading)
			}
		}
	}
	return nil
}
