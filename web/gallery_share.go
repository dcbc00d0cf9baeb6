package web

import (
	"encoding/base64"
	"strings"
	"sync"
	"time"

	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/web/picture"
)

// cannedCards are the pictures of links, with the names that people have.
func cannedCards(now time.Time) []picture.Card {
	long := stoppedTrader(now)
	long.Name, long.Username = "王小明 "+strings.Repeat("Somebody whose name takes a whole line of its own ", 3), "an_unusually_long_username_30"
	long.PnL, long.Followers = money.MustAmount("-123456789.50"), 1_204_000
	anew := traderView{Profile: cannedProfile("dora", now)}
	anew.Name = "דורה"
	board := openLeaderboard(now).Page
	board.Metric = "pnl"
	return []picture.Card{
		traderCard(cannedTrader(now), now, false), traderCard(cannedTrader(now), now, true), traderCard(long, now, false), traderCard(anew, now, false),
		boardCard(openLeaderboard(now).Page, false), boardCard(board, false), statusCard(cannedStatus(now), now), statusCard(statusOf(nil, nil, now), now),
	}
}

var drawnCards sync.Map // data by key

// pictureData is a picture within the page itself.
func pictureData(c picture.Card) (string, error) {
	if data, known := drawnCards.Load(c.Key()); known {
		return data.(string), nil //nolint:errcheck,forcetypeassert // nothing else is stored
	}
	body, err := picture.Draw(c)
	if err != nil {
		return "", err
	}
	data := "data:image/png;base64," + base64.StdEncoding.EncodeToString(body)
	drawnCards.Store(c.Key(), data)
	return data, nil
}
