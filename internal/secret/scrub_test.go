package secret

import (
	"strings"
	"testing"
)

// Errors of libraries quote what they were given; whoever reads them reads the rest.
func TestWhatAnErrorQuotesIsNotTold(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`Post "https://discord.com/api/webhooks/123/s3cr3t": EOF`:                   `Post […]: EOF`,
		`get https://user:pa55@example.com:8443/x?token=abc: refused`:               `get [address] refused`,
		`connect to postgres://app:pa55@db/alertsify failed`:                        `connect to [address] failed`,
		`Authorization: Bearer abc, then basic eA==`:                                `Authorization: [secret] then [secret]`,
		`userSecret=abc api_key: abc PASSWORD=abc`:                                  `[secret] [secret] [secret]`,
		`Key (email)=(ava) exists for ava@example.com`:                              `Key (email)=(…) exists for [mail]`,
		"a 'b' `c` \"d \\\" e\"":                                                    `a […] […] […]`,
		"\"two\nlines\"":                                                            `[…]`,
		"signed 5f2b7c1d9e8a4f3b6c0d1e2f3a4b5c6d of alf_" + strings.Repeat("x", 43): "signed […] of […]",
		"order 0192f3c4-7a51-7c1e-9a55-3f1d2c4b5a60: 503\ngoroutine 1 [running]":    "order 0192f3c4-7a51-7c1e-9a55-3f1d2c4b5a60: 503",
		"encode internal/api.Answer: json: unsupported":                             "encode internal/api.Answer: json: unsupported",
		strings.Repeat("é ", 200):                                                   strings.Repeat("é ", 100) + "…",
	} {
		if got := Scrub(text); got != want {
			t.Errorf("%.60q: %q, want %q", text, got, want)
		}
	}
}

// Addresses of machines are nobody's business; what only looks like one is told.
func TestAddressesOfMachinesAreNotTold(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"dial tcp 10.1.2.3:5432: connect: connection refused":    "dial tcp [address]: connect: connection refused",
		"read tcp [fe80::1%eth0]:1->[2001:db8::5]:443: i/o":      "read tcp [address]->[address]: i/o",
		"dial tcp [::1]:5432: no":                                "dial tcp [address]: no",
		"from 203.0.113.7, 2001:db8::5 and ::1.":                 "from [address], [address] and [address].",
		"at 15:04:05 order 4711 has 1.5 of 10: field a.b is bad": "at 15:04:05 order 4711 has 1.5 of 10: field a.b is bad",
	} {
		if got := Scrub(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
