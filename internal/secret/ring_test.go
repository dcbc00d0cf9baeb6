package secret

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func keyOf(id string, fill byte) string {
	return id + ":" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(fill)), keyBytes)))
}

func ringOf(t *testing.T, keys ...string) *Ring {
	t.Helper()
	r, err := ParseRing(New(strings.Join(keys, ",")))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestASealedValueOpensInItsOwnPlaceOnly(t *testing.T) {
	t.Parallel()
	r := ringOf(t, keyOf("k1", 'a'))
	value, err := r.Seal("snaptrade_users", "secret", "row-1", New("canary"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Open("snaptrade_users", "secret", "row-1", value); err != nil || got.Reveal() != "canary" {
		t.Fatalf("opened %q, %v", got.Reveal(), err)
	}
	for _, place := range [][3]string{
		{"destinations", "secret", "row-1"}, {"snaptrade_users", "token", "row-1"}, {"snaptrade_users", "secret", "row-2"},
	} {
		got, err := r.Open(place[0], place[1], place[2], value)
		if !errors.Is(err, ErrDamaged) || !got.IsZero() {
			t.Errorf("%v: %q, %v; want ErrDamaged", place, got.Reveal(), err)
		}
		if err != nil && !strings.Contains(err.Error(), place[2]) {
			t.Errorf("%v: the error %q does not name the row", place, err)
		}
	}
	if _, err := r.Seal("a|b", "c", "d", New("x")); err == nil {
		t.Error("a separator in a place's part was accepted")
	}
}

func TestEveryBitCounts(t *testing.T) {
	t.Parallel()
	r := ringOf(t, keyOf("k1", 'a'))
	value, err := r.Seal("t", "c", "r", New("canary"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(value, "canary") || !strings.HasPrefix(value, "v1.k1.") {
		t.Fatalf("sealed value %q", value)
	}
	for i := range value {
		changed := []byte(value)
		changed[i] ^= 1
		if got, err := r.Open("t", "c", "r", string(changed)); err == nil || !got.IsZero() {
			t.Errorf("byte %d changed: opened to %q, %v", i, got.Reveal(), err)
		}
	}
	for _, damaged := range []string{"", "v1", "v1.k1..", value + ".x", value[:len(value)-1], "v2" + value[2:]} {
		if _, err := r.Open("t", "c", "r", damaged); err == nil {
			t.Errorf("%q opened", damaged)
		}
	}
}

func TestTwoSealsOfOneSecretDiffer(t *testing.T) {
	t.Parallel()
	r := ringOf(t, keyOf("k1", 'a'))
	one, err1 := r.Seal("t", "c", "r", New("same"))
	two, err2 := r.Seal("t", "c", "r", New("same"))
	if err1 != nil || err2 != nil || one == two {
		t.Errorf("%q and %q, %v, %v", one, two, err1, err2)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	old, both, fresh := ringOf(t, keyOf("k1", 'a')), ringOf(t, keyOf("k2", 'b'), keyOf("k1", 'a')), ringOf(t, keyOf("k2", 'b'))
	value, err := old.Seal("t", "c", "r", New("canary"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fresh.Open("t", "c", "r", value); !errors.Is(err, ErrUnknownKey) || !strings.Contains(err.Error(), "t|c|r") {
		t.Errorf("without its key: %v; want ErrUnknownKey with the row", err)
	}
	rewrapped, changed, err := both.Rewrap("t", "c", "r", value)
	if err != nil || !changed {
		t.Fatalf("rewrap: %v, %v", changed, err)
	}
	if id, err := KeyID(rewrapped); id != "k2" || err != nil {
		t.Errorf("key id %q, %v; want k2", id, err)
	}
	if value[strings.LastIndex(value, "."):] != rewrapped[strings.LastIndex(rewrapped, "."):] {
		t.Error("rewrapping touched the ciphertext")
	}
	if got, err := fresh.Open("t", "c", "r", rewrapped); err != nil || got.Reveal() != "canary" {
		t.Errorf("after rotation: %q, %v", got.Reveal(), err)
	}
	if again, changed, err := both.Rewrap("t", "c", "r", rewrapped); err != nil || changed || again != rewrapped {
		t.Errorf("a second rewrap: %v, %v", changed, err)
	}
}

func TestBadRingsAreRefusedWithoutShowingKeys(t *testing.T) {
	t.Parallel()
	short := base64.StdEncoding.EncodeToString([]byte("canary-canary"))
	for name, text := range map[string]string{
		"empty": "", "no id": short, "short": "k1:" + short, "not base64": "k1:canary!",
		"dotted id": strings.Replace(keyOf("k1", 'a'), "k1", "k.1", 1), "same id twice": keyOf("k1", 'a') + "," + keyOf("k1", 'b'),
		"same key twice": keyOf("k1", 'a') + "," + keyOf("k2", 'a'), "trailing comma": keyOf("k1", 'a') + ",",
	} {
		_, err := ParseRing(New(text))
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), short) {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
}

func TestANewKeyMakesARing(t *testing.T) {
	t.Parallel()
	if r, err := ParseRing(NewKey("k1")); err != nil || r.First() != "k1" {
		t.Errorf("ring %v, %v", r, err)
	}
}

func FuzzOpenNeverShowsAnotherSecret(f *testing.F) {
	r, err := ParseRing(New(keyOf("k1", 'a')))
	if err != nil {
		f.Fatal(err)
	}
	value, err := r.Seal("t", "c", "r", New("canary"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(value)
	f.Add("v1.k1.AAAA.AAAA")
	f.Fuzz(func(t *testing.T, other string) {
		// The key has sealed nothing but this one secret, in this process and in the fuzzer's others.
		if got, err := r.Open("t", "c", "r", other); err == nil && got.Reveal() != "canary" {
			t.Errorf("%q opened to %q", other, got.Reveal())
		}
	})
}

// Whatever ENCRYPTION_KEYS says: a ring that opens what it seals, or an error that shows
// no key.
func FuzzParseRing(f *testing.F) {
	f.Add(keyOf("k2", 'b') + "," + keyOf("k1", 'a'))
	f.Add("k1:AAAA")
	f.Add(":,k1:")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRing(New(text))
		if err != nil {
			_, key, _ := strings.Cut(text, ":")
			if len(key) > 40 && strings.Contains(err.Error(), key) {
				t.Errorf("the error shows a key: %v", err)
			}
			return
		}
		value, err := r.Seal("t", "c", "r", New("canary"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Open("t", "c", "r", value); err != nil || got.Reveal() != "canary" {
			t.Errorf("%q does not open what it seals: %v", text, err)
		}
		if _, err := r.Open("t", "c", "another row", value); err == nil {
			t.Errorf("%q opens in another row", value)
		}
	})
}

// Whatever stands in a sealed column: it is rewrapped into something that opens to the
// same, or refused; never changed into an empty secret.
func FuzzRewrap(f *testing.F) {
	before, err := ParseRing(New(keyOf("k1", 'a')))
	if err != nil {
		f.Fatal(err)
	}
	after, err := ParseRing(New(keyOf("k2", 'b') + "," + keyOf("k1", 'a')))
	if err != nil {
		f.Fatal(err)
	}
	value, err := before.Seal("t", "c", "r", New("canary"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(value)
	f.Add("v1.k1..")
	f.Add("v2.k1.AAAA.AAAA")
	f.Fuzz(func(t *testing.T, value string) {
		rewrapped, changed, err := after.Rewrap("t", "c", "r", value)
		if err != nil || !changed {
			return
		}
		if id, err := KeyID(rewrapped); err != nil || id != "k2" {
			t.Errorf("%q is wrapped with %q, %v", rewrapped, id, err)
		}
		if _, err := before.Open("t", "c", "r", value); err != nil {
			return // its key was good, the rest is not; that neither gets better nor worse
		}
		if got, err := after.Open("t", "c", "r", rewrapped); err != nil || got.Reveal() != "canary" {
			t.Errorf("%q opens no more: %v", rewrapped, err)
		}
	})
}
