package redis

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// StartInProcess runs a Redis inside this process for others to share by its
// URL: what development does where there is no server. What it holds ends with
// the process. stop ends it.
func StartInProcess() (address string, stop func(), err error) {
	p, err := startInProcess()
	if err != nil {
		return "", nil, err
	}
	u := url.URL{Scheme: "redis", User: url.UserPassword("", p.password), Host: p.mini.Addr()}
	return u.String(), p.stop, nil
}

// inProcess is a Redis inside this process, on loopback with a password of its own.
type inProcess struct {
	mini     *miniredis.Miniredis
	password string
	quit     chan struct{}
	ended    chan struct{}
}

func startInProcess() (*inProcess, error) {
	p := &inProcess{mini: miniredis.NewMiniRedis(), password: rand.Text(), quit: make(chan struct{}), ended: make(chan struct{})}
	p.mini.RequireAuth(p.password)
	if err := p.mini.Start(); err != nil {
		return nil, fmt.Errorf("start redis in process: %w", err)
	}
	go p.tick()
	return p, nil
}

// tick lets keys expire: this Redis has no clock of its own.
func (p *inProcess) tick() {
	defer close(p.ended)
	const step = 100 * time.Millisecond
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-p.quit:
			return
		case <-ticker.C:
			now := time.Now()
			p.mini.FastForward(now.Sub(last))
			last = now
		}
	}
}

func (p *inProcess) stop() {
	close(p.quit)
	<-p.ended
	p.mini.Close()
}
