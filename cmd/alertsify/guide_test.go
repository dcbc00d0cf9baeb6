package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// walkGuide carries out the examples of docs/api.md one after the other, as ava: each is a
// success, and all together are what there is.
func (s *show) walkGuide(t *testing.T) {
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	s.mode("manual") // orders rest, so that they can be cancelled
	defer s.mode("immediate")
	values := map[string]string{"$BASE": s.url, "$TOKEN": s.token("ava", "trade"), "2027-01-15": expiryDate}
	examples := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if !strings.HasPrefix(block[1], "curl ") {
			continue
		}
		examples++
		command := strings.ReplaceAll(block[1], "\\\n", " ")
		for name, value := range values {
			command = strings.ReplaceAll(command, name, value)
		}
		e := readCurl(t, command)
		a := s.carryOut(t, e)
		if a.status < 200 || a.status > 299 {
			t.Errorf("%sis answered %d %s", block[1], a.status, a.body)
		}
		if e.method == http.MethodPost && strings.HasSuffix(e.url, "/api/trading/orders") {
			values["$ORDER"] = a.ids(t)[0]
		}
	}
	if examples < 7 {
		t.Errorf("the guide has only %d examples", examples)
	}
}

// example is one call of curl.
type example struct {
	method, url, body string
	headers           []string
	stream            bool
}

var word = regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`)

// readCurl knows what the guide uses of curl, and no more.
func readCurl(t *testing.T, command string) (e example) {
	t.Helper()
	words := word.FindAllString(command, -1)[1:]
	for i := 0; i < len(words); i++ {
		next := func() string { i++; return strings.Trim(words[i], `'"`) }
		switch w := words[i]; {
		case w == "-s":
		case w == "-sN":
			e.stream = true
		case w == "--max-time":
			next()
		case w == "-X":
			e.method = next()
		case w == "-H":
			e.headers = append(e.headers, next())
		case w == "-d":
			e.body = next()
		case strings.HasPrefix(w, "-") || e.url != "":
			t.Fatalf("the guide's test does not know %s of curl", w)
		default:
			e.url = strings.Trim(w, `"`)
		}
	}
	switch {
	case e.method != "":
	case e.body != "":
		e.method = http.MethodPost
	default:
		e.method = http.MethodGet
	}
	return e
}

// carryOut makes the call; of a stream only its beginning is read.
func (s *show) carryOut(t *testing.T, e example) answer {
	t.Helper()
	path, ok := strings.CutPrefix(e.url, s.url)
	if !ok {
		t.Fatalf("an example asks %s", e.url)
	}
	if !e.stream {
		return s.send(s.client, e.method, path, e.body, e.headers...)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, e.method, e.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range e.headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	begin := make([]byte, len("retry: 2000"))
	if _, err := io.ReadFull(resp.Body, begin); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if string(begin) != "retry: 2000" {
		t.Errorf("a stream begins with %q", begin)
	}
	return answer{status: resp.StatusCode, header: resp.Header}
}
