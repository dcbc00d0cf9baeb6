package snaptrade

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The file was made with Python's json module: an oracle that shares no code with us.
func TestCanonicalFormIsPythons(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/python_canonical.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct{ In, Out string }
	if err := json.Unmarshal(raw, &cases); err != nil || len(cases) < 100 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		v, err := Parse([]byte(c.In))
		if err != nil {
			t.Errorf("%s: %v", c.In, err)
			continue
		}
		if got := string(v.Canonical()); got != c.Out {
			t.Errorf("%s\n got %s\nwant %s", c.In, got, c.Out)
		}
	}
}

// document draws JSON texts with the same members written in any order and spacing.
func document(depth int) *rapid.Generator[string] {
	leaf := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string { return quoted(rapid.String().Draw(t, "text")) }),
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?`),
		rapid.SampledFrom([]string{"true", "false", "null", `"\ud800"`, `"\uDFFF\ud83d\ude80"`}),
	)
	if depth == 0 {
		return leaf
	}
	inner := document(depth - 1)
	array := rapid.Custom(func(t *rapid.T) string {
		return "[" + strings.Join(rapid.SliceOfN(inner, 0, 4).Draw(t, "items"), " ,") + "]"
	})
	object := rapid.Custom(func(t *rapid.T) string {
		members := rapid.MapOfN(rapid.String(), inner, 0, 4).Draw(t, "members")
		var parts []string
		for key, v := range members {
			parts = append(parts, quoted(key)+"\n: "+v)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	})
	return rapid.OneOf(leaf, array, object)
}

func quoted(text string) string {
	raw, _ := json.Marshal(text)
	return string(raw)
}

func TestCanonicalFormIsAFixedPointInASCII(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := document(3).Draw(t, "document")
		v, err := Parse([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		once := v.Canonical()
		checkCanonical(t, once)
		if !sameMeaning([]byte(text), once) {
			t.Fatalf("%s means something else than %s", once, text)
		}
	})
}

func TestMemberOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.MapOfN(rapid.String(), rapid.SampledFrom([]string{"1", "1.50", "null", `"x"`}), 1, 6).Draw(t, "members")
		var parts []string
		for key, v := range members {
			parts = append(parts, quoted(key)+":"+v)
		}
		slices.Sort(parts)
		one, err := Parse([]byte("{" + strings.Join(parts, ",") + "}"))
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(parts)
		other, err := Parse([]byte("{ " + strings.Join(parts, "\t, ") + "}"))
		if err != nil || !bytes.Equal(one.Canonical(), other.Canonical()) {
			t.Fatalf("%s\n%s\n%v", one.Canonical(), other.Canonical(), err)
		}
	})
}

type fataler interface {
	Fatalf(format string, args ...any)
}

// checkCanonical: printable ASCII only, valid, and its own canonical form.
func checkCanonical(t fataler, canonical []byte) {
	if bytes.ContainsFunc(canonical, func(r rune) bool { return r < 0x20 || r > 0x7E }) {
		t.Fatalf("not plain ASCII: %q", canonical)
	}
	again, err := Parse(canonical)
	if err != nil {
		t.Fatalf("%s: %v", canonical, err)
	}
	if twice := again.Canonical(); !bytes.Equal(canonical, twice) {
		t.Fatalf("%s becomes %s", canonical, twice)
	}
}

// sameMeaning asks the standard library, which reads both texts in its own way.
func sameMeaning(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	left, _ := json.Marshal(x)
	right, _ := json.Marshal(y)
	// -0 and 0 are one integer in the canonical form.
	zero := func(b []byte) string { return strings.ReplaceAll(string(b), "-0", "0") }
	return zero(left) == zero(right)
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-0.0,1e-7,"\ud800"],"a":null}`, `[[[]]]`, `"\u00e9é"`, "{", "1e999", "\xff", "nul"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := Parse(raw)
		if err != nil {
			return
		}
		if !json.Valid(raw) {
			t.Fatalf("accepted what the standard library refuses: %q", raw)
		}
		checkCanonical(t, v.Canonical())
	})
}

func TestStrictParserRefusesNothingValid(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`""`, `0`, `-0`, `-1`, `0.5`, `0e1`, `[]`, `{}`, `[0]`, ` true `, `{"":""}`, `1E+2`, `"\u0000"`} {
		if _, err := Parse([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func BenchmarkCanonical(b *testing.B) {
	raw, err := os.ReadFile("testdata/vectors/contract.json")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		v, err := Parse(raw)
		if err != nil || len(v.Canonical()) == 0 {
			b.Fatal(err)
		}
	}
}
