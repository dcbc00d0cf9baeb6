package ui

import (
	"maps"
	"net/url"
	"slices"
)

// SortColumn is a column that a list can go by.
type SortColumn struct {
	By, Label string
	Down      bool // begins with the largest
}

// Sorting is how a list is sorted, and by what else it could be; without columns it cannot.
type Sorting struct {
	Path    string     // of the page
	Rest    url.Values // of its address: which of its lists, and what filters it
	By      string
	Down    bool
	Columns []SortColumn
}

// String is the sort as ?sort= has it.
func (s Sorting) String() string { return sortText(s.By, s.Down) }

func sortText(by string, down bool) string {
	if down {
		return "-" + by
	}
	return by
}

// href sorts by a column, or turns the list around when it goes by it; empty where it cannot.
func (s Sorting) href(by string) string {
	for _, c := range s.Columns {
		if c.By != by {
			continue
		}
		down := c.Down
		if s.By == by {
			down = !s.Down
		}
		return s.address(sortText(by, down))
	}
	return ""
}

// address is the page with its list sorted like that.
func (s Sorting) address(sort string) string {
	q := maps.Clone(s.Rest)
	if q == nil {
		q = url.Values{}
	}
	q.Set("sort", sort)
	return s.Path + "?" + q.Encode()
}

// hidden are the fields that a form that sorts must keep, in a fixed order.
func (s Sorting) hidden() (fields []Field) {
	for _, name := range slices.Sorted(maps.Keys(s.Rest)) {
		for _, value := range s.Rest[name] {
			fields = append(fields, Field{Name: name, Value: value})
		}
	}
	return fields
}

func (s Sorting) aria(by string) string {
	switch {
	case s.By != by:
		return "none"
	case s.Down:
		return "descending"
	}
	return "ascending"
}

func (s Sorting) arrow(by string) string {
	switch {
	case s.By != by:
		return ""
	case s.Down:
		return " ↓"
	}
	return " ↑"
}
