package markup_test

import (
	"testing"

	"github.com/alertsify/alertsify/internal/markup"
)

func TestMarkupEscapesWhateverIsNotMarkup(t *testing.T) {
	t.Parallel()
	var m markup.Page
	m.Raw("<p style=\"width:100%\">")
	m.Put(`<a title="%s">%s</a> %s`, `"><script>`, "a & b", markup.HTML("<b>kept</b>"))
	m.Put("%s", 3)
	want := `<p style="width:100%"><a title="&#34;&gt;&lt;script&gt;">a &amp; b</a> <b>kept</b>3`
	if m.String() != want {
		t.Errorf("%s, want %s", m.String(), want)
	}
}
