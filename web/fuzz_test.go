package web

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Whatever is posted as a form: no reader of ours panics, and what cannot be read is said
// at a field.
func FuzzForms(f *testing.F) {
	f.Add(entry().Encode())
	f.Add("quantity=99999999999999999999&limitPrice=1e9&strike=NaN&orderType=Limit")
	f.Add("mode=auto&scaling.value=&maxPositionSize=x&accountId=x&allowedUnderlyings=%00,+aapl&closeOnExpiryAt=")
	f.Add("underlying=aapl&near=5&expiration=2027-02-30&from=x&quiet=&muted=a&muted=b&" + strings.Repeat("a=b&", 500))
	f.Fuzz(func(t *testing.T, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		if req, wrong := readRequest(form); req.LimitPrice == nil && form.Get("limitPrice") != "" && req.OrderType == "Limit" &&
			strings.TrimPrefix(strings.TrimSpace(form.Get("limitPrice")), "$") != "" && wrong["limitPrice"] == "" {
			t.Errorf("%q lost its price", body)
		}
		_, _ = readChange(form)
		_, _ = readLimits(form)
		_, _ = readSettings(form)
		_, _ = readWatch(form)
		_, _ = readPreferences(form, []string{"push", "email"})
	})
}

// Wherever a form asks to be led back to, it is a page of ours.
func FuzzBack(f *testing.F) {
	for _, seed := range []string{"/orders?view=today", "//evil.example", "/\\evil.example", "/..//evil.example", "https:evil.example", "/%2f%2fevil.example", "/a?done=x#y", "/\t/evil.example"} {
		f.Add(seed)
	}
	ours := &url.URL{Scheme: "https", Host: "app.example", Path: "/x"}
	f.Fuzz(func(t *testing.T, to string) {
		w := httptest.NewRecorder()
		if err := back(w, to, "written"); err != nil {
			t.Fatal(err)
		}
		location := w.Header().Get("Location")
		u, err := url.Parse(strings.ReplaceAll(location, "\\", "/"))
		if err != nil || ours.ResolveReference(u).Host != "app.example" || !strings.HasPrefix(location, "/") || strings.HasPrefix(location, "//") {
			t.Errorf("%q leads to %q", to, location)
		}
	})
}

// What stands in a column of JSON is shown, whatever it is.
func FuzzNumbers(f *testing.F) {
	f.Add([]byte(`{"price":"3.50","ask":null,"lost":[1],"x":{}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(_ *testing.T, raw []byte) { _ = comparedOf(decisionNumbers(raw)) })
}
