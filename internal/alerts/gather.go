package alerts

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/webpush"
)

// Gather makes one text of several notifications that share a message, because more of
// them wait for a browser, a mailbox or a chat than its limit allows. It is pure, as Compose is.
func (a *Announcer) Gather(subjects []delivery.Subject) (delivery.Words, error) {
	channel := subjects[0].Channel
	all := make([]notificationRow, len(subjects))
	for i, s := range subjects {
		if err := json.Unmarshal(s.Row, &all[i]); err != nil {
			return delivery.Words{}, fmt.Errorf("read notification: %w", err)
		}
	}
	switch channel {
	case delivery.ChannelEmail:
		return delivery.Words{Mail: a.mailAll(all)}, nil
	case delivery.ChannelTelegram:
		return delivery.Words{Chat: a.chatAll(all)}, nil
	case delivery.ChannelPush:
		p, err := a.pushAll(all)
		return delivery.Words{Push: p}, err
	}
	return delivery.Words{}, fmt.Errorf("channel %q has no form for several at once", channel)
}

// pushAll is "7 alerts", with what they are called as far as there is room, newest
// first, and leads to the list. Its tag is that of the first it tells of: a repeat
// replaces it, the next crowd does not. Questions have no buttons here: a tap could
// answer only one of them.
func (a *Announcer) pushAll(all []notificationRow) (*delivery.Push, error) {
	const path = "/notifications"
	title := strconv.Itoa(len(all)) + " alerts"
	if n := questions(all); n > 0 {
		title += ", " + strconv.Itoa(n) + " waiting for your answer"
	}
	p := payload{WebPush: 8030, Notification: pushed{
		Title: title, Body: cut(titlesOf(all), pushBodyMax), Navigate: a.appURL + path, Tag: "several:" + all[0].ID.String(),
		Data: pushedData{ID: all[0].ID.String(), Type: System, URL: path},
	}}
	full, err := encode(p)
	if err != nil {
		return nil, fmt.Errorf("write push: %w", err)
	}
	p.Notification.Body = ""
	short, err := encode(p)
	if err != nil {
		return nil, fmt.Errorf("write short push: %w", err)
	}
	return &delivery.Push{Payload: full, Short: short, Urgency: mostUrgent(all)}, nil
}

func questions(all []notificationRow) (n int) {
	for _, r := range all {
		if _, asks := r.Data["decisionId"].(string); asks {
			n++
		}
	}
	return n
}

func titlesOf(all []notificationRow) string {
	var titles []string
	for _, r := range slices.Backward(all) {
		titles = append(titles, cut(r.Title, pushTitleMax))
	}
	return strings.Join(titles, " · ")
}

func mostUrgent(all []notificationRow) webpush.Urgency {
	most := webpush.Low
	for _, r := range all {
		switch urgency(r.Type) {
		case webpush.High:
			return webpush.High
		case webpush.Normal:
			most = webpush.Normal
		}
	}
	return most
}
