package main

import "time"

// looksOften lets the broker be asked what became of orders as soon as one of them works,
// where the program itself leaves fifteen seconds between two questions.
func (s *show) looksOften() {
	s.t.Helper()
	stopped, tick := make(chan struct{}), time.NewTicker(300*time.Millisecond)
	s.t.Cleanup(func() { tick.Stop(); close(stopped) })
	go func() {
		for {
			select {
			case <-stopped:
				return
			case <-tick.C:
				_, _ = s.stage.db.Pool().Exec(s.t.Context(), `
					update account_looks set next_look_at = now(), listed_at = now() - interval '1 minute' where next_look_at is not null`)
			}
		}
	}()
}

// looksLater keeps the broker from being asked what became of a person's orders until
// looksOften: what only the answer to an order tells stays to be seen for as long as it takes.
func (s *show) looksLater(person string) {
	s.t.Helper()
	s.listed(person, time.Hour)
}
