package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/a-h/templ"
	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/account"
	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/leaderboard"
	"github.com/alertsify/alertsify/internal/legal"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/record"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/alertsify/alertsify/web/ui"
)

// gallery answers GET /gallery/{name}: every page with canned data, in development only.
func (s *Site) gallery(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Query().Get("private") == "on" {
		r.AddCookie(&http.Cookie{Name: privateCookie, Value: "on"}) //nolint:gosec // of a request, not for a browser
	}
	pages := s.galleryPages(r)
	name := r.PathValue("name")
	if name == "" {
		names := make([]string, 0, len(pages))
		for name := range pages {
			names = append(names, name)
		}
		slices.Sort(names)
		return s.show(w, r, http.StatusOK, galleryIndex(s.galleryPage(r, "Gallery", "/gallery"), names))
	}
	page, ok := pages[name]
	if !ok {
		return fault.NotFound()
	}
	return s.show(w, r, http.StatusOK, page)
}

func (s *Site) galleryPages(r *http.Request) map[string]templ.Component {
	now := s.now()
	frame := func(title, path string) ui.Page { return s.galleryPage(r, title, path) }
	console := func(title, path string) ui.Page {
		p := frame(title, path)
		who := *p.Person
		who.Admin, p.Person = true, &who
		return p
	}
	open := frame("Sign in", "/login")
	open.Person = nil
	landing := open
	landing.Title, landing.Path = "Options trades, alerts and copies", "/"
	service := open
	service.Title, service.Path = "Status", statusPath
	visitor := open
	visitor.Title, visitor.Path = "Ben Example (@ben)", tradersPath
	ranked := visitor
	ranked.Title, ranked.Path = "Leaderboard", leaderboardPath
	visitor.Share, ranked.Share, service.Share = s.shareTrader(r, cannedTrader(now)), s.shareBoard(r, openLeaderboard(now)), s.shareStatus(r)
	noticed := frame("Dashboard", "/dashboard")
	noticed.Notice = &ui.Notice{Tone: ui.Good, Text: "The order was taken. It is on its way to your broker."}
	empty := frame("Dashboard", "/dashboard")
	empty.Accounts, empty.Today, empty.Copying, empty.Unread = nil, nil, nil, 0
	halted := frame("Dashboard", "/dashboard")
	halted.Halts = cannedHalts(now)
	moving := frame("Positions", "/positions")
	moving.ReadOnly = true
	closing := cannedDashboard(now)
	closing.Ticket = cannedExit(now)
	greeks := cannedChainView(now)
	greeks.Show = "greeks"
	copyTab := cannedDashboard(now)
	copyTab.Tab = "copy"
	pages := map[string]templ.Component{
		"parts":          galleryParts(frame("Parts", "/gallery")),
		"pictures":       galleryPictures(frame("Pictures", "/gallery"), cannedCards(now)),
		"dashboard":      dashboardPage(noticed, cannedDashboard(now)),
		"dashboard-exit": dashboardPage(frame("Dashboard", "/dashboard"), closing),
		"dashboard-copy": dashboardPage(frame("Dashboard", "/dashboard"), copyTab),
		"dashboard-new":  dashboardPage(empty, emptyDashboard(now)),
		"chain":          chainPage(frame("AAPL option chain", "/chain"), cannedChainView(now)),
		"chain-greeks":   chainPage(frame("AAPL option chain", "/chain"), greeks),
		"chain-closed":   chainPage(frame("AAPL option chain", "/chain"), closedChainView(now)),
		"chain-away":     chainPage(frame("AAPL option chain", "/chain"), chainView{Symbol: "AAPL", Sentence: "Market data does not answer right now.", Away: true}),
		"chain-find": chainSearchPage(frame("Option chain", "/chain"), chainView{
			Typed: "ap", Found: []market.Symbol{{Symbol: "AAPL", Name: "Apple Inc."}, {Symbol: "APLE", Name: "Apple Hospitality REIT, Inc."}},
		}),
		"confirm":             confirmPage(frame("Confirm", "/dashboard"), cannedConfirmation()),
		"replace":             replacePage(frame("Replace", "/orders"), cannedReplacing(now)),
		"confirm-dialog":      dashboardWithDialog(frame("Dashboard", "/dashboard"), cannedDashboard(now), cannedConfirmation()),
		"orders":              ordersPage(frame("Orders", "/orders"), ordersView{View: "history", Rows: cannedOrders(now), ReturnTo: "/orders", Next: "x", Seen: cannedView("/orders", "view", "history", historySorts)}),
		"positions":           positionsPage(frame("Positions", "/positions"), positionsView{Status: "open", Rows: cannedPositions(now), Seen: cannedView("/positions", "status", "open", slices.Concat(openSorts, quotedSorts))}),
		"read-only":           positionsPage(moving, positionsView{Status: "open", Rows: cannedPositions(now), Seen: cannedView("/positions", "status", "open", slices.Concat(openSorts, quotedSorts))}),
		"positions-chosen":    positionsPage(frame("Positions", "/positions"), positionsView{Status: "open", Rows: cannedPositions(now), Seen: cannedView("/positions", "status", "open", openSorts, "contract", "held", "pnl", "opened", "account", "actions")}),
		"positions-failed":    positionsPage(frame("Positions", "/positions"), positionsView{Status: "open", Failed: true, ReturnTo: "/positions"}),
		"orders-none":         ordersPage(frame("Orders", "/orders"), ordersView{View: "today", ReturnTo: "/orders?view=today"}),
		"orders-failed":       ordersPage(frame("Orders", "/orders"), ordersView{View: "working", ReturnTo: "/orders", Failed: true}),
		"closed-none":         positionsPage(frame("Positions", "/positions"), positionsView{Status: "closed", ReturnTo: "/positions?status=closed"}),
		"copy-failed":         copyPage(frame("Copying", "/copy"), copyView{Failed: true, ReturnTo: "/copy"}),
		"picker":              pickerPage(frame("Columns", "/positions"), cannedPicker("")),
		"picker-wrong":        pickerPage(frame("Columns", "/positions"), cannedPicker("must be columns of this table")),
		"closed":              positionsPage(frame("Positions", "/positions"), positionsView{Status: "closed", Rows: cannedClosed(now), Seen: cannedView("/positions", "status", "closed", closedSorts)}),
		"position":            positionPage(frame("AAPL", "/positions"), cannedPosition(now)),
		"copy-setup":          setupPage(frame("Copy a trader", "/copy"), cannedSetup(now)),
		"copy":                copyPage(frame("Copying", "/copy"), cannedCopying(now)),
		"traders":             tradersPage(frame("Traders", tradersPath), cannedTraders(now)),
		"traders-none":        tradersPage(frame("Traders", tradersPath), tradersView{Sort: "pnl", Period: "weekly", Text: "nobody", First: true}),
		"trader":              traderPage(frame("Ben Example (@ben)", tradersPath), cannedTrader(now)),
		"trader-new":          traderPage(frame("Dora Example (@dora)", tradersPath), traderView{Profile: cannedProfile("dora", now), SignedIn: true}),
		"trader-own":          traderPage(frame("Ava Example (@ava)", tradersPath), traderView{Profile: cannedProfile("ava", now), SignedIn: true, Own: true}),
		"trader-open":         traderPage(visitor, publicView(cannedTrader(now))),
		"trader-stopped":      traderPage(frame("Ben Example (@ben)", tradersPath), stoppedTrader(now)),
		"leaderboard":         leaderboardPage(frame("Leaderboard", leaderboardPath), cannedLeaderboard(now)),
		"leaderboard-copies":  leaderboardPage(frame("Leaderboard", leaderboardPath), copyLeaderboard(now)),
		"leaderboard-apart":   leaderboardPage(frame("Leaderboard", leaderboardPath), apartLeaderboard(now)),
		"leaderboard-open":    leaderboardPage(ranked, openLeaderboard(now)),
		"leaderboard-none":    leaderboardPage(frame("Leaderboard", leaderboardPath), leaderboardView{Page: leaderboard.Page{Metric: leaderboard.ROI, Period: record.Weekly, Minimum: 5}, First: true, Me: "ava"}),
		"followers":           copyPage(frame("Copying", "/copy"), copyView{Followers: cannedFollowers(now)}),
		"publishing":          publishingPage(frame("Publishing", "/copy"), copytrade.Publishing{Publishing: true, Followers: 240}),
		"not-publishing":      publishingPage(frame("Publishing", "/copy"), copytrade.Publishing{StoppedAt: before(now, 8*time.Minute), Followers: 240}),
		"copy-stop":           copyStopPage(frame("Stop copying @ben", "/copy"), cannedStop(false)),
		"copy-pause":          copyStopPage(frame("Pause copying @ben", "/copy"), cannedStop(true)),
		"notifications":       notificationsPage(frame("Notifications", "/notifications"), notificationsView{List: cannedInbox(now)}),
		"notification":        notificationPage(frame("Notification", "/notifications"), cannedNotification(now)),
		"notification-plain":  notificationPage(frame("Notification", "/notifications"), notificationView{InboxItem: cannedNotification(now).InboxItem}),
		"deliveries":          deliveriesPage(console("Deliveries", deliveriesPath), cannedDeliveries(now)),
		"deliveries-none":     deliveriesPage(console("Deliveries", deliveriesPath), deliveriesView{}),
		"dead-letter":         deadLetterPage(console("Dead letter", deliveriesPath), cannedDeadLetter(now)),
		"dead-letter-past":    deadLetterPage(console("Dead letter", deliveriesPath), pastDeadLetter(now)),
		"announcements":       announcementsPage(console("Announcements", announcementsPath), cannedAnnouncements(now)),
		"announcements-wrong": announcementsPage(console("Announcements", announcementsPath), announcementsView{Wrong: map[string]string{"title": "Between 1 and 80 characters, in one line."}}),
		"announce":            announcementsPage(console("Announcements", announcementsPath), announcementsView{Title: "Maintenance tonight", Body: "From 22:00 to 22:10 New York.\nOrders are not affected.", Key: uuid.NewString(), Recipients: 240}),
		"accept":              acceptPage(frame("Before you begin", legal.AcceptPath), cannedDocuments()),
		"document":            documentPage(open, cannedDocument()),
		"profile":             profilePage(frame("Profile", profilePath), cannedProfilePage(now)),
		"profile-wrong":       profilePage(frame("Profile", profilePath), wrongProfile(now)),
		"profile-waiting":     profilePage(frame("Profile", profilePath), waitingProfile(now)),
		"profile-trader":      profilePage(frame("Profile", profilePath), profileView{User: cannedUser("ava", "Ava Example", users.Trader, now)}),
		"leave":               leavePage(frame("Account", leavePath), cannedLeave()),
		"leave-email":         leavePage(frame("Account", leavePath), waitingEmail(now)),
		"leave-blocked":       leavePage(frame("Account", leavePath), leaveView{Leaving: account.Leaving{OnTheWay: 1}, Username: "ben"}),
		"leave-last-admin":    leavePage(console("Account", leavePath), leaveView{Leaving: account.Leaving{LastAdmin: true}, Username: "root"}),
		"users":               peoplePage(console("Users", usersPath), cannedPeople(now)),
		"users-wrong":         peoplePage(console("Users", usersPath), wrongPeople(now)),
		"activity":            auditPage(frame("Activity", activityPath), auditView{Entries: cannedAudit(now)[:3], Next: "older"}),
		"activity-none":       auditPage(frame("Activity", activityPath), auditView{}),
		"audit":               auditPage(console("Audit", auditPath), auditView{Entries: cannedAudit(now), Everybody: true, Kind: "orders"}),
		"audit-wrong":         auditPage(console("Audit", auditPath), auditView{Everybody: true, User: "nobody", Wrong: "Nobody is called that."}),
		"preferences":         preferencesPage(frame("Alert settings", preferencesPath), cannedPreferences(now)),
		"preferences-wrong":   preferencesPage(frame("Alert settings", preferencesPath), wrongPreferences(now)),
		"brokers":             brokersPage(frame("Brokers", "/settings/brokers"), cannedBrokers(now)),
		"broker-return":       brokerReturnPage(frame("Brokers", "/settings/brokers"), brokerReturnView{State: "open"}),
		"security":            securityPage(frame("Security", securityPath), cannedSecurity(now)),
		"security-one":        securityPage(frame("Security", securityPath), plainSecurity(now)),
		"security-asked":      securityPage(frame("Security", securityPath), guardedSecurity(now)),
		"security-number":     securityPage(frame("Security", securityPath), numberedSecurity(now)),
		"login-passkey":       passkeyPage(open, passkeyView{}),
		"login-passkey-wrong": passkeyPage(open, passkeyView{Wrong: "That did not prove that it is you. Please try again."}),
		"login-again":         loginPage(open, loginView{ReturnTo: "/settings/security", Again: true, Passkey: true, Providers: []Provider{{"google", "Google"}}}),
		"appearance":          appearancePage(frame("Appearance", "/settings/appearance")),
		"stop":                stopPage(frame("Stop", "/stop"), ui.StopView{Subscriptions: 2, Working: 1, Copied: 7}),
		"stopped":             stopPage(frame("Stop", "/stop"), ui.StopView{Halts: cannedHalts(now), Subscriptions: 2}),
		"halted":              dashboardPage(halted, cannedDashboard(now)),
		"limits":              limitsPage(frame("Limits", limitsPath), limitsView{Limits: cannedLimits()}),
		"limits-wrong":        limitsPage(frame("Limits", limitsPath), limitsView{Limits: cannedLimits(), Wrong: map[string]string{"manualPremium": "At most $25,000.00; only an operator raises that."}}),
		"me":                  mePage(console("Me", "/me")),
		"reviews":             reviewsPage(console("Reviews", reviewsPath), reviewsView{List: cannedReviews(now), Next: "older"}),
		"reviews-none":        reviewsPage(console("Reviews", reviewsPath), reviewsView{}),
		"reviews-wrong":       reviewsPage(console("Reviews", reviewsPath), reviewsView{List: cannedReviews(now), Wrong: cannedReviews(now)[0].ID, Typed: "gone", Problem: "Say in 10 to 2000 characters how it is known."}),
		"queues":              queuesPage(console("Queues", queuesPath), cannedQueues(now)),
		"queues-none":         queuesPage(console("Queues", queuesPath), queuesView{First: true}),
		"tokens":              tokensPage(frame("Access tokens", tokensPath), cannedTokens(now)),
		"tokens-new":          tokensPage(console("Access tokens", tokensPath), tokensView{Admin: true, List: cannedTokens(now).List[:1], Secret: "alf_2v0Y5hH0c3Qm8pTnq7R1sKx4WzLb6JdEfGaU9iOyNtM0x1y2z"}),
		"tokens-none":         tokensPage(frame("Access tokens", tokensPath), tokensView{}),
		"tokens-wrong":        tokensPage(frame("Access tokens", tokensPath), wrongTokens(now)),
		"discord":             discordPage(frame("Discord", discordPath), discordView{Hook: cannedPreferences(now).Discord}),
		"discord-none":        discordPage(frame("Discord", discordPath), discordView{}),
		"discord-wrong":       discordPage(frame("Discord", discordPath), discordView{Hook: &delivery.Webhook{Name: "A channel that is gone", DisabledAt: before(now, time.Hour)}, Wrong: "This is not the address of a Discord webhook."}),
		"budget":              budgetPage(console("Budget", budgetPath), cannedBudget(now)),
		"halts":               haltsPage(console("Halts", "/admin/halts"), cannedConsole(now)),
		"login":               loginPage(open, loginView{ReturnTo: "/dashboard", Providers: []Provider{{"google", "Google"}, {"discord", "Discord"}, {"github", "GitHub"}}}),
		"landing":             landingPage(landing, landingView{Latest: cannedFeed(now).Items, Best: cannedLeaderboard(now).Standings}),
		"landing-quiet":       landingPage(landing, landingView{}),
		"feed":                feedPage(frame("Feed", feedPath), cannedFeed(now)),
		"feed-none":           feedPage(frame("Feed", feedPath), feedView{Kind: alerts.TimelineFeed}),
		"status":              statusPage(service, cannedStatus(now)),
		"status-none":         statusPage(service, statusOf(nil, nil, now)),
		"problem":             problemPage(open, problemView{Status: "500", Title: "Something went wrong on our side", Text: "It is written down. Your orders are not affected by this page.", Back: "/", RequestID: "0192f3c4-7a51-7c1e-9a55-3f1d2c4b5a60"}),
		"integrations":        integrationsPage(console("Integrations", integrationsPath), cannedIntegrations(now)),
		"integrations-none":   integrationsPage(console("Integrations", integrationsPath), integrationsView{}),
		"webhooks":            webhooksPage(console("Webhooks", webhooksPath), cannedWebhooks(now)),
		"webhooks-none":       webhooksPage(console("Webhooks", webhooksPath), webhooksView{Parked: true}),
		"billing":             billingPage(frame("Plan", billingPath), cannedBilling(now)),
		"billing-ends":        billingPage(frame("Plan", billingPath), endingBilling(now)),
		"billing-free":        billingPage(frame("Plan", billingPath), billingView{Standing: billing.Standing{Plan: billing.PlanFree, Selling: true, Offers: billing.Plans()}}),
		"billing-not-sold":    billingPage(frame("Plan", billingPath), billingView{Standing: billing.Standing{Plan: billing.PlanTrader}}),
		"members":             membersPage(console("Members", membersPath), cannedMembers(now)),
		"members-nobody":      membersPage(console("Members", membersPath), membersView{Overview: cannedMembers(now).Overview, Text: "nobody_at_all"}),
		"members-none":        membersPage(console("Members", membersPath), membersView{}),
		"problem-plan":        problemPage(frame("This is not open to you", ""), problemView{Status: "403", Title: "This is not open to you", Text: "This needs the pro plan; yours is free.", Back: "/copy", Plans: billingPath}),
		"channels":            channelsPage(frame("Channels", channelsPath), cannedChannels(now)),
		"channels-unwanted":   channelsPage(frame("Channels", channelsPath), unwantedChannels(now)),
		"channels-dead":       channelsPage(frame("Channels", channelsPath), deadChannels(now)),
		"channels-none":       channelsPage(frame("Channels", channelsPath), channelsView{}),
		"channels-hook": channelsPage(frame("Channels", channelsPath), channelsView{
			Hook: &delivery.Receiver{Host: "hooks.example.com", CreatedAt: now}, Secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD1T8Fu0Nz9Rk=", Rotated: true,
		}),
		"channels-link":    channelsPage(frame("Channels", channelsPath), linkedChannels(now)),
		"channels-pending": channelsPage(frame("Channels", channelsPath), pendingChannels(now)),
		"channels-wrong":   channelsPage(frame("Channels", channelsPath), channelsView{Typed: "http://10.0.0.1/hook", Wrong: "must begin with https://"}),
		"mail-off":         mailLinkPage(open, mailLinkView{Token: "x.y", Link: delivery.Link{Categories: []string{delivery.NewsMail}}}),
		"mail-off-done":    mailLinkPage(open, mailLinkView{Link: delivery.Link{Categories: []string{delivery.NewsMail}}, Done: true}),
		"mail-undo":        mailLinkPage(open, mailLinkView{Token: "x.y", Link: delivery.Link{Undoes: uuid.UUID{9}}}),
		"mail-undone":      mailLinkPage(open, mailLinkView{Link: delivery.Link{Undoes: uuid.UUID{9}}, Done: true}),
		"mail-confirm":     mailLinkPage(open, mailLinkView{Token: "x.y"}),
	}
	results := frame("Analytics", analyticsPath)
	for name, view := range galleryResults(results, now) {
		pages[name] = resultsPage(results, view)
	}
	return pages
}

// galleryPage is the frame; ?theme=, ?palette= and ?private= try the appearances.
func (s *Site) galleryPage(r *http.Request, title, path string) ui.Page {
	q := r.URL.Query()
	p := cannedFrame(s.now())
	p.Title, p.Path, p.Assets, p.ServerTime, p.Events = title, path, s.assets.Assets, s.now(), "/api/events"
	if q.Get("theme") != "" {
		p.Theme = q.Get("theme")
	}
	if q.Get("palette") != "" {
		p.Palette = q.Get("palette")
	}
	p.Private = isPrivate(r)
	return p
}

// everyState is one order in each state there is.
func everyState(now time.Time) []ui.OrderRow {
	states := [][3]string{
		{"queued", "submitting", ""}, {"submitting", "submitting", ""}, {"unknown", "checking with broker", ""},
		{"accepted", "working", ""}, {"partial", "3/5 filled", ""}, {"filled", "filled", ""}, {"cancelled", "cancelled", ""},
		{"expired", "expired", ""}, {"rejected", "rejected", "Not enough buying power"}, {"aborted", "not sent", "The market closed first"},
		{"not_placed", "not found: check with your broker", ""},
	}
	rows := make([]ui.OrderRow, 0, len(states))
	for i, state := range states {
		row := cannedOrders(now)[0]
		row.ID, row.State, row.Label, row.Reason = state[0], state[0], state[1], state[2]
		row.At = now.Add(-time.Duration(i) * time.Minute)
		row.Cancellable = i < 5 // those that may still trade
		row.Filled = map[string]int{"partial": 3, "filled": 5}[state[0]]
		rows = append(rows, row)
	}
	return rows
}
