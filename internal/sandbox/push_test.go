package sandbox

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/webpush"
)

// The example of RFC 8291, section 5: the player proves itself before it judges others.
func TestTheRFCsMessageIsDecrypted(t *testing.T) {
	t.Parallel()
	private := unbase64(t, "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")
	auth := unbase64(t, "BTBZMqHH6r4Tts7J_aSIgg")
	body := unbase64(t, "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN")
	plain, err := pushDecrypt(private, auth, body)
	if err != nil || string(plain) != "When I grow up, I want to be a watermelon" {
		t.Fatalf("%q, %v", plain, err)
	}
	for i := range body {
		if i >= 16 && i < 20 {
			continue // the record size is not part of what is sealed
		}
		broken := bytes.Clone(body)
		broken[i] ^= 1
		if _, err := pushDecrypt(private, auth, broken); err == nil {
			t.Errorf("byte %d can be changed unnoticed", i)
		}
	}
}

func unbase64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (p *players) pushClient(t *testing.T) *webpush.Client {
	t.Helper()
	public, private, err1 := webpush.GenerateKeys()
	keys, err2 := webpush.ParseKeys(public, private)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	c, err := webpush.New(webpush.ClientOptions{
		Subject: "mailto:ops@alertsify.example", Keys: keys, HTTP: p.http, Now: p.now,
		ExtraHosts: []string{strings.TrimPrefix(p.url, "http://")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// device is a browser that subscribed with the application's key.
func (p *players) device(t *testing.T, options string) webpush.Subscription {
	t.Helper()
	var made struct {
		Endpoint string
		Keys     struct{ P256dh, Auth string }
	}
	p.tell(t, "/push/subscriptions", options, &made)
	s, err := webpush.ValidateSubscription(
		webpush.Subscription{Endpoint: made.Endpoint, P256dh: made.Keys.P256dh, Auth: made.Keys.Auth},
		[]string{strings.TrimPrefix(p.url, "http://")})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pushFault(t *testing.T, err error) *webpush.Error {
	t.Helper()
	var e *webpush.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *webpush.Error", err)
	}
	return e
}

func TestAPushArrivesDecrypted(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	client := p.pushClient(t)
	phone := p.device(t, `{"applicationServerKey":"`+client.Keys().Public()+`","firefoxAndroid":true}`)
	payload := `{"web_push":8030,"notification":{"title":"AAPL 200C filled","tag":"order:o_1"}}`
	err := client.Send(context.Background(), phone, []byte(payload), webpush.Options{TTL: time.Hour, Urgency: webpush.High, Topic: "position1"})
	if err != nil {
		t.Fatal(err)
	}
	longest := `"` + strings.Repeat("x", webpush.PayloadMax-2) + `"`
	if err := client.Send(context.Background(), phone, []byte(longest), webpush.Options{TTL: time.Minute}); err != nil {
		t.Errorf("the longest payload, to Firefox on Android: %v", err)
	}

	_, bodies := p.logged("push")
	var got struct {
		Notification struct{ Title string }
		Push         struct {
			TTL            int
			Urgency, Topic string
		} `json:"_push"`
	}
	if err := json.Unmarshal([]byte(bodies[0]), &got); err != nil {
		t.Fatal(err)
	}
	if got.Notification.Title != "AAPL 200C filled" || got.Push.TTL != 3600 || got.Push.Urgency != "high" || got.Push.Topic != "position1" {
		t.Errorf("logged %s", bodies[0])
	}
	if bodies[1] != longest {
		t.Errorf("the longest payload arrived as %.40s…", bodies[1])
	}
}

func TestAWaitingPushIsReplacedByItsTopic(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	client, phone := p.pushClient(t), p.device(t, "")
	for _, m := range []struct{ topic, text string }{{"a", "1"}, {"", "2"}, {"a", "3"}, {"b", "4"}, {"", "5"}} {
		if err := client.Send(context.Background(), phone, []byte(m.text), webpush.Options{TTL: time.Hour, Topic: m.topic}); err != nil {
			t.Fatal(err)
		}
	}
	var shown strings.Builder
	for _, m := range p.push.messages {
		shown.Write(m.Body)
	}
	if shown.String() != "2345" {
		t.Errorf("the device would show %s", shown.String())
	}
}

func TestAPushServiceRefusesAsTold(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	client := p.pushClient(t)
	for answer, want := range map[string]webpush.Outcome{
		"400": webpush.Rejected, "401": webpush.Misconfigured, "403": webpush.Misconfigured,
		"404": webpush.Gone, "410": webpush.Gone, "413": webpush.TooLarge,
		"429": webpush.Retry, pushAnswerLimitDate: webpush.Retry, "500": webpush.Retry, "503": webpush.Retry,
		pushAnswerRedirect: webpush.Rejected,
	} {
		phone := p.device(t, "")
		id := phone.Endpoint[strings.LastIndex(phone.Endpoint, "/")+1:]
		p.tell(t, "/push/subscriptions/"+id, `{"answer":"`+answer+`"}`, nil)
		e := pushFault(t, client.Send(context.Background(), phone, []byte("{}"), webpush.Options{TTL: time.Minute}))
		if e.Outcome != want {
			t.Errorf("%s: %v", answer, e)
		}
		if strings.HasPrefix(answer, "429") && (e.RetryAfter < 118*time.Second || e.RetryAfter > 2*time.Minute) {
			t.Errorf("%s: wait %s", answer, e.RetryAfter)
		}
	}
}

func TestAPushWithTheWrongKeyIsRefused(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	first, second := p.pushClient(t), p.pushClient(t)
	phone := p.device(t, "") // takes the first key it sees for its own
	if err := first.Send(context.Background(), phone, []byte("{}"), webpush.Options{TTL: time.Minute}); err != nil {
		t.Fatal(err)
	}
	e := pushFault(t, second.Send(context.Background(), phone, []byte("{}"), webpush.Options{TTL: time.Minute}))
	if e.Outcome != webpush.Misconfigured || e.Status != 403 {
		t.Errorf("%v", e)
	}
	stranger := phone
	stranger.Auth = base64.RawURLEncoding.EncodeToString(make([]byte, 16))
	e = pushFault(t, first.Send(context.Background(), stranger, []byte("{}"), webpush.Options{TTL: time.Minute}))
	if e.Outcome != webpush.Rejected || !strings.Contains(e.Message, "decrypt") {
		t.Errorf("encrypted for somebody else: %v", e)
	}
}

// What our connector never sends goes by hand, starting from a request that it made.
func TestAPushServiceChecksEveryHeader(t *testing.T) {
	t.Parallel()
	p := startPlayers(t)
	client, phone := p.pushClient(t), p.device(t, "")
	recorded := &recordingTransport{}
	keys := client.Keys()
	recorder, err := webpush.New(webpush.ClientOptions{
		Subject: "mailto:ops@alertsify.example", Keys: keys, HTTP: &http.Client{Transport: recorded},
		ExtraHosts: []string{strings.TrimPrefix(p.url, "http://")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := recorder.Send(context.Background(), phone, []byte("{}"), webpush.Options{TTL: time.Minute}); err != nil {
		t.Fatal(err)
	}
	send := func(change func(h http.Header), body []byte) int {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, phone.Endpoint, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = recorded.header.Clone()
		change(req.Header)
		resp, err := p.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	token := recorded.header.Get("Authorization")
	for name, c := range map[string]struct {
		change func(http.Header)
		want   int
	}{
		"unchanged":          {func(http.Header) {}, 201},
		"no TTL":             {func(h http.Header) { h.Del("TTL") }, 400},
		"TTL in words":       {func(h http.Header) { h.Set("TTL", "soon") }, 400},
		"topic with a colon": {func(h http.Header) { h.Set("Topic", "a:b") }, 400},
		"topic too long":     {func(h http.Header) { h.Set("Topic", strings.Repeat("x", 33)) }, 400},
		"unknown urgency":    {func(h http.Header) { h.Set("Urgency", "now") }, 400},
		"old encoding":       {func(h http.Header) { h.Set("Content-Encoding", "aesgcm") }, 400},
		"no authorization":   {func(h http.Header) { h.Del("Authorization") }, 401},
		"other scheme":       {func(h http.Header) { h.Set("Authorization", strings.Replace(token, "vapid", "WebPush", 1)) }, 401},
		"signature changed":  {func(h http.Header) { h.Set("Authorization", otherSignature(token)) }, 401},
		"alg none": {func(h http.Header) {
			none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
			_, rest, _ := strings.Cut(token, ".")
			h.Set("Authorization", "vapid t="+none+"."+rest)
		}, 401},
	} {
		if got := send(c.change, recorded.body); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	elsewhere := phone
	elsewhere.Endpoint = "http://127.0.0.1:9/push/x"
	recorded2 := &recordingTransport{}
	recorder, err = webpush.New(webpush.ClientOptions{
		Subject: "mailto:ops@alertsify.example", Keys: keys, HTTP: &http.Client{Transport: recorded2}, ExtraHosts: []string{"127.0.0.1:9"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := recorder.Send(context.Background(), elsewhere, []byte("{}"), webpush.Options{TTL: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if got := send(func(h http.Header) { h.Set("Authorization", recorded2.header.Get("Authorization")) }, recorded.body); got != 401 {
		t.Errorf("a token for another push service: %d", got)
	}
	if got := send(func(http.Header) {}, append(recorded.body, make([]byte, 4096)...)); got != 413 {
		t.Errorf("too large: %d", got)
	}
	p.advance(13 * time.Hour)
	if got := send(func(http.Header) {}, recorded.body); got != 401 {
		t.Errorf("expired token: %d", got)
	}
}

// otherSignature changes one character inside the signature.
func otherSignature(authorization string) string {
	at := strings.LastIndex(strings.Split(authorization, ",")[0], ".") + 10
	other := "A"
	if authorization[at] == 'A' {
		other = "B"
	}
	return authorization[:at] + other + authorization[at+1:]
}

func TestAppleTakesNoDoubledSubject(t *testing.T) {
	t.Parallel()
	for subject, fine := range map[string]bool{
		"mailto:ops@alertsify.example": true, "https://alertsify.example": true,
		"": false, "mailto:": false, "mailto:mailto:a@b.example": false, "mailto:a@localhost": false,
		"mailto:<a@b.example>": false, "mailto:a b@c.example": false, "http://alertsify.example": false,
	} {
		if pushSubjectFine(subject) != fine {
			t.Errorf("%q: want %v", subject, fine)
		}
	}
}

// recordingTransport keeps the request and answers 201.
type recordingTransport struct {
	header http.Header
	body   []byte
}

func (r *recordingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	r.header, r.body = req.Header, body
	return &http.Response{StatusCode: http.StatusCreated, Body: http.NoBody}, err
}
