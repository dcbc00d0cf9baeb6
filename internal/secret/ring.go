package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	sealVersion = "v1"
	keyBytes    = 32 // AES-256
	maxKeyID    = 16
)

var (
	// ErrUnknownKey says that a value was sealed with a key this ring does not
	// have: a hard error, never an empty secret.
	ErrUnknownKey = errors.New("sealed with a key that is not in ENCRYPTION_KEYS")

	// ErrDamaged says that a sealed value does not open: it was changed, or copied
	// from another row.
	ErrDamaged = errors.New("sealed value does not open in this row")
)

// Ring holds the master keys: the first seals, all open.
type Ring struct {
	first string
	keys  map[string]cipher.AEAD // by key id
}

// ParseRing reads "k2:BASE64_32_BYTES,k1:BASE64_32_BYTES". Its errors name key ids,
// never keys.
func ParseRing(text Text) (*Ring, error) {
	r := &Ring{keys: make(map[string]cipher.AEAD)}
	seen := make(map[string]string) // key bytes to id
	for entry := range strings.SplitSeq(text.Reveal(), ",") {
		id, encoded, found := strings.Cut(strings.TrimSpace(entry), ":")
		if !found || !validKeyID(id) {
			return nil, errors.New("encryption keys: each must be ID:BASE64 with an id of 1 to 16 letters, digits, - or _")
		}
		raw, err := decodeKey(encoded)
		if err != nil {
			return nil, fmt.Errorf("encryption key %s: %w", id, err)
		}
		if r.keys[id] != nil || seen[string(raw)] != "" {
			return nil, fmt.Errorf("encryption key %s: it is there twice", id)
		}
		seen[string(raw)] = id
		if r.keys[id], err = newAEAD(raw); err != nil {
			return nil, fmt.Errorf("encryption key %s: %w", id, err)
		}
		if r.first == "" {
			r.first = id
		}
	}
	return r, nil
}

// NewKey makes a fresh master key for the ring's text form, for set-up and dev.
func NewKey(id string) Text {
	raw := make([]byte, keyBytes)
	_, _ = rand.Read(raw) // never fails: it ends the program instead
	return New(id + ":" + base64.StdEncoding.EncodeToString(raw))
}

// Seal hides plaintext for one column of one row: a fresh data key seals it, the
// ring's first key wraps the data key. The result, "v1.kid.wrapped.sealed", opens
// in that row only.
func (r *Ring) Seal(table, column, rowID string, plaintext Text) (string, error) {
	place, err := placeOf(table, column, rowID)
	if err != nil {
		return "", err
	}
	dataKey := make([]byte, keyBytes)
	_, _ = rand.Read(dataKey) // never fails: it ends the program instead
	data, err := newAEAD(dataKey)
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", place, err)
	}
	return sealed{
		keyID:   r.first,
		wrapped: r.keys[r.first].Seal(nil, nil, dataKey, []byte(place)),
		body:    data.Seal(nil, nil, []byte(plaintext.Reveal()), []byte(place)),
	}.String(), nil
}

// Open shows what Seal hid there. The errors are ErrUnknownKey and ErrDamaged, and
// they name the row.
func (r *Ring) Open(table, column, rowID, value string) (Text, error) {
	place, s, dataKey, err := r.unwrap(table, column, rowID, value)
	if err != nil {
		return Text{}, err
	}
	data, err := newAEAD(dataKey)
	if err != nil {
		return Text{}, fmt.Errorf("open %s: %w", place, err)
	}
	plaintext, err := data.Open(nil, nil, s.body, []byte(place))
	if err != nil {
		return Text{}, fmt.Errorf("open %s: %w", place, ErrDamaged)
	}
	return New(string(plaintext)), nil
}

// Rewrap wraps the value's data key with the ring's first key and leaves the
// ciphertext alone. changed is false when it was wrapped with that already.
func (r *Ring) Rewrap(table, column, rowID, value string) (rewrapped string, changed bool, err error) {
	place, s, dataKey, err := r.unwrap(table, column, rowID, value)
	if err != nil {
		return "", false, err
	}
	if s.keyID == r.first {
		return value, false, nil
	}
	s.keyID = r.first
	s.wrapped = r.keys[r.first].Seal(nil, nil, dataKey, []byte(place))
	return s.String(), true, nil
}

// KeyID tells which master key a sealed value needs, to count them before a key
// is retired; in SQL it is split_part(value, '.', 2).
func KeyID(value string) (string, error) {
	s, err := parseSealed(value)
	return s.keyID, err
}

// IDs are those of all keys, sorted.
func (r *Ring) IDs() []string { return slices.Sorted(maps.Keys(r.keys)) }

// First is the id of the key that seals now.
func (r *Ring) First() string { return r.first }

func (r *Ring) unwrap(table, column, rowID, value string) (place string, s sealed, dataKey []byte, err error) {
	place, err = placeOf(table, column, rowID)
	if err != nil {
		return "", sealed{}, nil, err
	}
	if s, err = parseSealed(value); err != nil {
		return "", sealed{}, nil, fmt.Errorf("open %s: %w", place, err)
	}
	master, known := r.keys[s.keyID]
	if !known {
		return "", sealed{}, nil, fmt.Errorf("open %s: key %q: %w", place, s.keyID, ErrUnknownKey)
	}
	if dataKey, err = master.Open(nil, nil, s.wrapped, []byte(place)); err != nil {
		return "", sealed{}, nil, fmt.Errorf("open %s: %w", place, ErrDamaged)
	}
	return place, s, dataKey, nil
}

// placeOf is the associated data of both layers. The parts may not hold the
// separator, or two rows could share one place.
func placeOf(table, column, rowID string) (string, error) {
	for _, part := range []string{table, column, rowID} {
		if part == "" || strings.Contains(part, "|") {
			return "", fmt.Errorf("sealed value's place %q.%q of row %q: no part may be empty or hold |", table, column, rowID)
		}
	}
	return table + "|" + column + "|" + rowID + "|" + sealVersion, nil
}

// sealed is the text form taken apart.
type sealed struct {
	keyID         string
	wrapped, body []byte
}

func (s sealed) String() string {
	encode := base64.RawURLEncoding.EncodeToString
	return sealVersion + "." + s.keyID + "." + encode(s.wrapped) + "." + encode(s.body)
}

func parseSealed(value string) (sealed, error) {
	parts := strings.Split(value, ".")
	if len(parts) != 4 || parts[0] != sealVersion || !validKeyID(parts[1]) {
		return sealed{}, ErrDamaged
	}
	wrapped, err1 := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	body, err2 := base64.RawURLEncoding.Strict().DecodeString(parts[3])
	if err1 != nil || err2 != nil {
		return sealed{}, ErrDamaged
	}
	return sealed{keyID: parts[1], wrapped: wrapped, body: body}, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func decodeKey(encoded string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return nil, errors.New("it is not base64")
	}
	if len(raw) != keyBytes {
		return nil, fmt.Errorf("it has %d bytes and needs %d", len(raw), keyBytes)
	}
	return raw, nil
}

func validKeyID(id string) bool {
	if id == "" || len(id) > maxKeyID {
		return false
	}
	for _, c := range id {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
		if !letter {
			return false
		}
	}
	return true
}
