package snaptrade

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/secret"
)

// vectorFile is the layout of contract §4.2; more files can be laid beside.
type vectorFile struct {
	Requests []struct {
		ID          string  `json:"id"`
		ConsumerKey string  `json:"consumer_key"`
		Path        string  `json:"path"`
		Query       string  `json:"query"`
		Body        *string `json:"body_raw"`
		Canonical   string  `json:"expected_canonical"`
		Signature   string  `json:"expected_signature"`
	} `json:"request_vectors"`
	Webhooks []struct {
		ID          string    `json:"id"`
		ConsumerKey string    `json:"consumer_key"`
		Body        []byte    `json:"body_base64"`
		Header      *string   `json:"signature_header"`
		Now         time.Time `json:"now"`
		Verdict     string    `json:"expected_verdict"`
		Canonical   *string   `json:"expected_canonical"`
	} `json:"webhook_vectors"`
}

func readVectors(t *testing.T) map[string]vectorFile {
	t.Helper()
	names, err := filepath.Glob("testdata/vectors/*.json")
	if err != nil || len(names) < 2 {
		t.Fatalf("vector files: %v %v", names, err)
	}
	files := map[string]vectorFile{}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var f vectorFile
		if err := json.Unmarshal(raw, &f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		files[filepath.Base(name)] = f
	}
	return files
}

func TestRequestsAreSignedLikeTheVectors(t *testing.T) {
	t.Parallel()
	for name, f := range readVectors(t) {
		for _, v := range f.Requests {
			t.Run(name+"/"+v.ID, func(t *testing.T) {
				t.Parallel()
				var raw []byte
				if v.Body != nil {
					raw = []byte(*v.Body)
				}
				body, err := content(raw)
				if err != nil {
					t.Fatal(err)
				}
				text := signedText(body, v.Path, v.Query)
				if string(text) != v.Canonical {
					t.Errorf("canonical text\n got %s\nwant %s", text, v.Canonical)
				}
				if got := signature(secret.New(v.ConsumerKey), text); got != v.Signature {
					t.Errorf("signature %s, want %s", got, v.Signature)
				}
			})
		}
	}
}

func TestWebhooksGetTheVerdictsOfTheVectors(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for name, f := range readVectors(t) {
		for _, v := range f.Webhooks {
			seen[v.Verdict] = true
			t.Run(name+"/"+v.ID, func(t *testing.T) {
				t.Parallel()
				header := ""
				if v.Header != nil {
					header = *v.Header
				}
				event, verdict := Verify([]secret.Text{secret.New(v.ConsumerKey)}, header, v.Body, v.Now)
				if verdict.String() != v.Verdict {
					t.Fatalf("verdict %s, want %s", verdict, v.Verdict)
				}
				if trusted := verdict == OK || verdict == Stale; trusted != (event.Type != "") {
					t.Errorf("verdict %s with event %+v", verdict, event)
				}
				if v.Canonical == nil {
					return
				}
				tree, err := Parse(v.Body)
				if err != nil {
					t.Fatal(err)
				}
				if got := string(tree.Canonical()); got != *v.Canonical {
					t.Errorf("canonical\n got %s\nwant %s", got, *v.Canonical)
				}
			})
		}
	}
	for _, verdict := range []Verdict{OK, Stale, Malformed, BadSignature} {
		if !seen[verdict.String()] {
			t.Errorf("no vector for %s", verdict)
		}
	}
}
