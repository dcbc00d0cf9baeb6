// Package account is what somebody has with us as a whole: to take along, and to end.
package account

import (
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/internal/users"
)

// Options are the rooms that hold something of a person.
type Options struct {
	DB      *postgres.DB
	Queue   *river.Client[pgx.Tx]
	Users   *users.Directory
	Guard   *auth.Guard
	Rules   *risk.Rules
	Brokers *brokers.Accounts
	Copier  *copytrade.Copier
	Alerts  *alerts.Announcer
	Post    *delivery.Post
	Members *billing.Members
	Logger  *slog.Logger
	Now     func() time.Time
}

// Accounts ends accounts and hands out what is in them.
type Accounts struct {
	db      *postgres.DB
	queue   *river.Client[pgx.Tx]
	users   *users.Directory
	guard   *auth.Guard
	rules   *risk.Rules
	brokers *brokers.Accounts
	copier  *copytrade.Copier
	alerts  *alerts.Announcer
	post    *delivery.Post
	members *billing.Members
	log     *slog.Logger
	now     func() time.Time
	exports chan struct{} // a place in it for each that is being made
}

// New makes it.
func New(o Options) *Accounts {
	return &Accounts{
		db: o.DB, queue: o.Queue, users: o.Users, guard: o.Guard, rules: o.Rules, brokers: o.Brokers, copier: o.Copier, alerts: o.Alerts,
		post: o.Post, members: o.Members, log: o.Logger, now: o.Now,
		exports: make(chan struct{}, exportsAtOnce),
	}
}
