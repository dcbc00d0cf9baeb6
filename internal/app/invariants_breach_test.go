package app

// change is a change of an order of ava's, in a state and with its claim's times.
func change(state, claim, order string) string {
	return `insert into order_changes (order_id, user_id, account_id, symbol, side, quantity, trading_day, state, send_before, sent_at, deadline)
		select id, user_id, account_id, symbol, side, quantity, trading_day, ` + state + `, t(30), ` + claim + ` from orders where id = id('` + order + `')`
}

// breaches break each invariant, part by part. id() and t() are those of
// testdata/healthy.sql; replica role keeps the triggers and foreign keys quiet.
func breaches() []breach {
	var all []breach
	for name, list := range map[string][][2]string{
		"INV-1": {
			{`insert into order_events (order_id, user_id, seq, actor, from_state, to_state, cum) values (id('buy'), id('ava'), 9, 'placer', 'queued', 'submitting', 0)`, "only 0 provably did nothing"},
			{`insert into order_events (order_id, user_id, seq, actor, from_state, to_state, cum)
				select id('buy'), id('ava'), 10 + n, 'placer', case n % 2 when 0 then 'queued' else 'submitting' end, case n % 2 when 0 then 'submitting' else 'queued' end, 0
				from generate_series(1, 12) n`, "claimed 7 times"},
			{`insert into order_broker_ids values (id('ava account'), 'B-twin', id('buy'), id('ava'))`, "2 orders at the broker"},
			{`insert into order_events (order_id, user_id, seq, actor, from_state, to_state, cum, evidence)
				select id('buy'), id('ava'), 10 + n, 'placer', 'filled', 'filled', 4, '{"change": "c1", "state": "submitting"}' from generate_series(1, 2) n`, "its change c1 was claimed 2 times"},
		},
		"INV-2": {
			{`alter table order_broker_ids drop constraint order_broker_ids_pkey;
				insert into order_broker_ids values (id('ava account'), 'B-buy', id('sell'), id('ava'))`, "linked to 2 orders"},
			{`update orders set broker_order_id = 'B-buy' where id = id('sell')`, "named by 2 orders"},
			{`delete from order_broker_ids where order_id = id('buy')`, "without a link"},
			{`update orders set broker_order_id = null where id = id('buy')`, "without naming any"},
		},
		"INV-3": {
			{`delete from order_events where order_id = id('buy') and to_state = 'submitting'`, "filled without a claim"},
			{`update orders set state = 'submitting' where id = id('working')`, "without a claim token"},
			{`update order_broker_ids set linked_at = t(-5) where order_id = id('buy')`, "before it was claimed"},
			{change("'unknown'", "null, null", "working"), "a change of it is unknown without a claim"},
		},
		"INV-4": {
			{`update orders set sent_at = send_before + interval '1 second', deadline = send_before + interval '40 seconds' where id = id('buy')`, "too late"},
			{`update orders set deadline = sent_at + interval '5 minutes' where id = id('buy')`, "its claim lasts"},
			{change("'unknown'", "t(40), t(70)", "working"), "a change of it was claimed"},
			{change("'unknown'", "t(5), t(70)", "working"), "the claim of a change of it lasts"},
		},
		"INV-5": {
			{`update order_events set seq = 7 where order_id = id('buy') and seq = 2`, "event 7 follows event 1"},
			{`update order_events set from_state = 'unknown' where order_id = id('buy') and seq = 2`, "leaves unknown, the one before reached submitting"},
			{`update order_events set from_state = 'queued' where order_id = id('buy') and seq = 2`, "goes from queued to filled"},
			{`update orders set source = 'detected' where id = id('buy')`, "was born queued with source detected"},
			{`update orders set cum_notional = 15 where id = id('buy')`, "is filled, 4 filled, at event 2"},
			{`delete from order_events where order_id = id('working')`, "its events end with nothing"},
			{`update fills set quantity = 3 where order_id = id('buy')`, "without such a fill"},
			{`insert into order_events (order_id, user_id, seq, actor, from_state, to_state, cum) values (id('back'), id('ava'), 2, 'reconciler', 'cancelled', 'cancelled', 1)`, "filled after it was cancelled"},
			{change("'queued'", "null, null", "back"), "is aborted, and being replaced"},
		},
		"INV-6": {
			{`alter table orders drop constraint orders_cum_within_quantity; update orders set cum = 5 where id = id('buy')`, "5 of 4 filled"},
			{`update order_events set cum = 3 where order_id = id('buy') and seq = 1; update order_events set cum = 2 where order_id = id('buy') and seq = 2`, "fell from 3 to 2"},
			{`update fills set notional = 15 where order_id = id('buy')`, "its fills are 4 for 15"},
			{`update order_broker_ids set cum = 3 where order_id = id('buy')`, "under its ids at the broker 3 for 14"},
			{`update orders set quantity = 9 where id = id('buy')`, "filled with 4 of 9 filled"},
		},
		"INV-7": {
			{`drop index orders_one_unresolved; update orders set state = 'unknown' where id in (id('sell'), id('working'))`, "2 unresolved orders"},
			{`drop index orders_one_unresolved; drop index orders_one_on_the_wire; update orders set state = 'submitting' where id in (id('buy'), id('other buy'))`, "2 orders on the wire"},
			{`update orders set state = 'unknown' where id = id('sell'); ` + change("'unknown'", "t(5), t(40)", "working"), "2 unresolved orders"},
		},
		"INV-8": {{`update account_looks set next_look_at = null`, "no look at its account is planned"}, {`delete from account_looks`, "no look at its account is planned"}},
		"INV-9": {
			{`update orders set broker_order_id = 'B-back' where id = id('back')`, "aborted, and known at the broker as B-back"},
			{`update order_events set from_state = 'rejected' where order_id = id('buy') and seq = 2`, "refused, then found at the broker"},
		},
		"INV-10": {{`update orders set state = 'unknown', sent_at = '2026-03-03 15:00 America/New_York' where id = id('working')`, "through the close at 2026-03-03"},
			{change("'unknown'", "'2026-03-03 15:00 America/New_York', '2026-03-03 15:00:45 America/New_York'", "working"), "a change of it is unknown since"}},
		"INV-11": {
			{`update orders set sent_at = created_at + interval '41 seconds' where id = id('buy')`, "at the latest due"},
			{`update orders set sent_at = created_at + interval '131 seconds' where id = id('sell')`, "at the latest due"},
			{`update orders set sent_at = t(76) where id = id('copy buy')`, "at the latest due"},
			{`update copy_decisions set responded_at = t(-30) where id = id('entry')`, "at the latest due"},
			{`update orders set sent_at = t(103 + 15 * 60 + 11) where id = id('copy sell')`, "at the latest due"},
			{`alter table orders drop constraint orders_copy_has_decision; update orders set trigger_id = id('stopped'), sent_at = t(200 + 15 * 60 + 11) where id = id('copy sell')`, "at the latest due"},
		},
		"INV-12": {{`alter table positions drop constraint positions_never_oversold; update positions set sold = 4 where id = id('held')`, "bought 4, sold 4, reserved 1"}},
		"INV-13": {
			{`update positions set sell_reserved = 0 where id = id('held')`, "reserved 0, live sells have 1 left"},
			{`update positions set sell_reserved = 2 where id = id('copied')`, "reserved 2, live sells have 0 left"},
			{`update positions set sell_reserved = 0, review_reason = 'anything' where id = id('held')`, "reserved 0, live sells have 1 left"},
		},
		"INV-14": {
			{`update positions set bought = 5 where id = id('held')`, "bought 5, sold 2; the fills and adjustments say 4 and 2"},
			{`update fills set user_id = id('ben') where order_id = id('buy')`, "has a fill on a position of another"},
			{`update orders set position_id = id('done') where id = id('working')`, "stands on a position of another"},
			{`update positions set sold = 3, review_reason = 'anything' where id = id('held')`, "sold 3; the fills and adjustments say 4 and 2"},
			{`delete from position_adjustments where id = id('split out')`, "sold 1; the fills and adjustments say 6 and 0"},
			{`update position_adjustments set user_id = id('ben') where id = id('split in')`, "on a position of another owner"},
			{`update position_adjustments set symbol = 'MSFT  270115P00400000' where id = id('split in')`, "on a position of another owner or contract"},
			{`delete from position_adjustments where id = id('split new')`, "renamed 1 times, into 0 names"},
			{`update position_adjustments set quantity = 3 where id = id('explained')`, "took 2 for 700.00000000, and orders explain 3 for 700.00000000"},
			{`update position_adjustments set cost = 701 where id = id('explained')`, "and orders explain 2 for 701.00000000"},
			{`update position_adjustments set order_id = id('buy') where id = id('explained')`, "explains 2 by an order that sold 0"},
			{`update position_adjustments set explains = id('lapsed out') where id = id('explained')`, "and orders explain 2"},
			{`update positions set missing = 1 where id = id('held')`, "1 of 2 missing at the broker"},
			{`insert into position_differences (account_id, symbol, user_id, ours, theirs, since, as_of)
				values (id('ben account'), 'AAPL  270115C00200000', id('ben'), 2, 1, now() + interval '1 hour', now() + interval '3 hours')`, "2 held here and 1 at the broker for 02:00:00"},
		},
		"INV-15": {
			{`update positions set cost_bought = 1400.00000001 where id = id('held')`, "cost 1400.00000001; what came in cost 1400"},
			{`update fills set cost_removed = 699.99999999 where order_id = id('sell')`, "what left removed 699.99999999"},
			{`update positions set remaining_cost = 0.00000001 where id = id('done')`, "0.00000001 of cost remains of 0 contracts"},
			{`update fills set cost_removed = 1 where order_id = id('buy')`, "a buy that removed cost"},
			{`update position_adjustments set cost = -299 where id = id('split old')`, "changed its cost by 1"},
			{`update position_adjustments set cost = 301 where id = id('split in')`, "what came in cost 301"},
		},
		"INV-16": {
			{`update fills set realized = 200.00000001 where order_id = id('sell')`, "realised 200.00000001 with the fill"},
			{`update positions set realized = 201 where id = id('held')`, "realised 201"},
			{`update positions set proceeds = 901 where id = id('held')`, "proceeds 901"},
			{`update position_adjustments set realized = -100 where id = id('lapsed out')`, "realised -100.00000000 of 0"},
			{`update position_adjustments set proceeds = 1, realized = -199 where id = id('lapsed out')`, "realised -199.00000000 of 1"},
			{`update position_adjustments set proceeds = 100, realized = 50 where id = id('split out')`, "its fills and adjustments 50"},
			{`update position_adjustments set proceeds = 0, realized = 700 where id = id('explained')`, "realised 700.00000000 of 0"},
		},
		"INV-17": {
			{`update positions set closed_at = null where id = id('done')`, "closed, closed at no time"},
			{`update positions set status = 'closed', closed_at = now() where id = id('never')`, "never held anything"},
			{`alter table positions drop column outcome cascade; alter table positions add column outcome text; update positions set outcome = 'win' where id = id('done')`, "counted as win"},
		},
		"INV-18": {
			{`update positions set status = 'closed' where id = id('copied')`, "closed with 2 held and 0 live orders"},
			{`update positions set bought = 3 where id = id('lapsed')`, "expired with 1 held"},
			{`update positions set status = 'expiry_pending', closed_at = null where id = id('lapsed')`, "expiry_pending with 0 held"},
			{`update positions set status = 'void' where id = id('done')`, "void with a fill"},
			{`drop index positions_one_open; insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, source)
				select user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, source from positions where id = id('held')`, "2 open positions in one contract"},
			{`update positions set status = 'open' where id = id('done')`, "open with 0 held and 0 live orders"},
			{`update orders set state = 'queued' where id = id('back')`, "void with 0 held and 1 live orders"},
		},
		"INV-19": {
			{`alter table copy_decisions drop constraint copy_decisions_once;
				insert into copy_decisions (subscription_id, user_id, trader_id, leader_order_id, side, symbol, source_quantity, source_price, result, reason, place, place_of, expires_at)
				select subscription_id, user_id, trader_id, leader_order_id, side, symbol, 1, 1, 'skipped', 'x', 1, 1, now() from copy_decisions where id = id('entry')`, "2 decisions"},
			{`drop index orders_one_entry_per_decision; update orders set side = 'BTO', decision_id = id('entry') where id = id('copy sell')`, "2 entry orders"},
			{`update orders set copy_target = 1 where id = id('copy sell')`, "its exits take 2 of 4 copied, the target is 1"},
			{`update orders set user_id = id('ava') where id = id('copy buy')`, "is a copy for another"},
		},
		"INV-55": {
			{`update paper_holdings set realized = 36, remaining_cost = 356`, "made 36.00000000; its fills say 1 of 4, made 35"},
			{`update paper_fills set quantity = 3 where kind = 'buy'`, "its fills say 0 of 3"},
			{`update paper_holdings set remaining_cost = 354`, "354.00000000 of cost remains, 355.00000000 should"},
			{`update paper_fills set decision_id = id('entry') where kind = 'buy'`, "a buy for another subscription"},
			{`update paper_fills set decision_id = id('paper entry') where kind = 'sell'`, "a sell for another subscription"},
			{`drop index paper_fills_entry; insert into paper_fills (subscription_id, symbol, user_id, decision_id, kind, quantity, price, trading_day)
				select subscription_id, symbol, user_id, decision_id, kind, quantity, price, trading_day from paper_fills where kind = 'buy'`, "bought 2 times"},
			{`update paper_fills set copy_target = 1 where kind = 'sell'`, "sold 2 of 4 held on paper, the target is 1"},
			{`update copy_triggers set state = 'sold' where position_id is null`, "is sold, and a fill on paper is of nothing of its 4"},
			{`alter table paper_fills drop constraint paper_fills_triggered; update paper_fills set trigger_id = id('paper stopped') where kind = 'sell'`, "is failed, and a fill on paper is of 2 of its 4"},
			{`update copy_triggers set subscription_id = id('paper') where id = id('stopped')`, "is of a real copy on paper, or the reverse"},
			{`update orders set subscription_id = id('paper') where id = id('copy buy')`, "is an order, and its subscription is on paper"},
			{`update copy_decisions set paper = false where id = id('paper entry')`, "is real, and its subscription on paper"},
			{`update copy_holdings set subscription_id = id('paper')`, "holds a real position for a subscription on paper"},
			{`update day_counters set used = 2 where kind = 'paper_copies'`, "counted 2 for 1420 on paper, filled 1 for 1420"},
			{`delete from day_counters where kind = 'paper_premium'`, "counted 1 for 0 on paper, filled 1 for 1420"},
			{`update subscriptions set max_daily_trades = 1 where paper; update day_counters set used = 2 where kind = 'paper_copies'`, "counted 2 on paper, the cap is 1"},
		},
		"INV-20": {
			{`update day_counters set used = 0 where kind = 'copies'`, "counted 0, copied 1"},
			{`delete from day_counters where kind = 'copies'`, "counted 0, copied 1"},
			{`update day_counters set used = 6 where kind = 'copies'`, "counted 6, the cap is 5"},
		},
		"INV-21": {
			{`delete from consents`, "without consent"},
			{`update consents set withdrawn_at = t(10)`, "without consent"},
			{`update consents set given_at = t(50)`, "without consent"}, // and not before it was given
			{`update orders set consent_version = 'v2' where id = id('copy buy')`, "without consent"},
			{`update subscriptions set status = 'paused', updated_at = t(5)`, "the subscription is paused"},
			{`update subscriptions set created_at = t(90)`, "before there was a subscription"},
		},
		"INV-22": {
			{`alter table orders drop constraint orders_copy_has_decision; update orders set source = 'copy' where id = id('buy')`, "copies a copy"},
			{`update copy_decisions set user_id = id('ava') where id = id('entry')`, "copies the follower's own order"},
			{`update orders set cum = 0 where id = id('buy')`, "copies an order without a fill"},
			{`update copy_decisions set side = 'STC' where id = id('entry')`, "copies another trader, side or contract"},
		},
		"INV-23": {{`update orders set state = 'partial' where id = id('copy buy'); update positions set sold = 4 - sell_reserved, sell_reserved = 0, bought = 3 where id = id('held')`, "the leader has sold everything"},
			{`update orders set cancel_requested_at = t(0), updated_at = t(0) where id = id('working')`, "and nobody asks its broker"}},
		"INV-24": {
			{`delete from copy_decisions where id = id('no entry')`, "no decision for this order and subscription"},
			{`update subscriptions set status = 'cancelled' where id = (select subscription_id from copy_decisions where id = id('no entry'));
				insert into subscription_periods (subscription_id, trader_id, began_at, ended_at)
				select subscription_id, trader_id, t(0), now() from copy_decisions where id = id('no entry');
				delete from copy_decisions where id = id('no entry')`, "no decision for this order and subscription"},
			{`update copy_decisions set result = 'awaiting_approval' where id = id('no entry')`, "still awaiting_approval after its time"},
			{`update copy_decisions set reason = null where id = id('no entry')`, "skipped without a reason"},
			{`update copy_decisions set result = 'executed' where id = id('no entry')`, "none of its orders filled"},
			{`delete from paper_fills where decision_id = id('paper entry')`, "executed, and none of its orders filled"},
			{`update copy_decisions set result = 'failed', reason = 'x' where id = id('entry')`, "failed, and one of its orders filled"},
		},
		"INV-25": {
			{`delete from fills where order_id = id('buy')`, "has not filled"},
			{`update alerts set side = 'STC' where order_id = id('buy')`, "tells of another trader"},
			{`delete from alerts where order_id = id('copy buy')`, "nobody was told"},
			{`alter table alerts drop constraint alerts_order_id_key; update alerts set order_id = id('buy')`, "6 alerts"},
			{`drop index deliveries_alert; update deliveries set alert_id = id('buy alert')`, "4 messages"},
			{`insert into destinations (id, user_id, channel, address) values (id('own'), id('ava'), 'discord', '1');
				insert into deliveries (destination_id, channel, alert_id, position_id, side, op, revision, state, not_before, cutoff, created_at, updated_at)
				select id('own'), channel, alert_id, position_id, side, op, revision, 'stale', not_before, cutoff, created_at, updated_at from deliveries where alert_id = id('buy alert')`, "2 messages to one address"},
			{`update deliveries set message_id = 'M'`, "4 alerts in embed 0"},
			{`update deliveries set slot = 10 where alert_id = id('buy alert')`, "is embed 10 of a message"},
		},
		"INV-26": {
			{`update deliveries set updated_at = t(500) where alert_id = id('buy alert')`, "the one before it ended"},
			{`update deliveries set state = 'pending', message_id = null where alert_id = id('buy alert')`, "the one before it ended infinity"},
			{`update deliveries set learnt_at = t(1) where alert_id = id('sell alert')`, "after what was learnt"},
			{`update deliveries set position_id = id('lapsed') where alert_id = id('buy alert')`, "of a BTO stands as BTO in the lane of"},
			{`update deliveries set side = 'STC' where alert_id = id('buy alert')`, "of a BTO stands as STC in the lane of"},
		},
		"INV-27": {
			{`update deliveries set state = 'pending' where alert_id = id('buy alert')`, "though its time was over"},
			{`insert into delivery_attempts select id, 2, now(), 'accepted', '', 1 from deliveries`, "made 2 times, 0 more"},
			{`insert into delivery_attempts select id, n, now(), 'unknown', '', 1 from deliveries, generate_series(2, 3) n`, "made 1 times, 2 more without an answer"},
			{`update alerts set facts = '{"filled": 3}' where order_id = id('buy')`, "says 3 filled; its order has 4"},
			{`update alerts set revision = 3 where order_id = id('buy')`, "says revision 2; the alert is at 3"},
			{`update deliveries set state = 'dead' where alert_id = id('buy alert'); update alerts set revision = 3 where order_id = id('buy')`, "says revision 2; the alert is at 3"},
			{`update deliveries set state = 'dead', message_id = null, unknowns = 2, unanswered = 1 where alert_id = id('sell alert')`, "up to 2 is told nowhere"},
			{`update deliveries set state = 'stale', message_id = null, unknowns = 1, unanswered = 1 where alert_id = id('sell alert')`, "up to 2 is told nowhere"},
		},
		"INV-28": {
			{`update deliveries set first_sent_at = cutoff where alert_id = id('buy alert')`, "the cut-off was"},
			{`update deliveries set cutoff = cutoff + interval '1 second' where alert_id = id('buy alert')`, "is too late for what happened"},
			{`update deliveries set learnt_at = null, executed_at = executed_at - interval '14 minutes' where alert_id = id('buy alert')`, "is too late for what happened"},
			{`update positions set closed_at = t(301) where id = id('done')`, "its position closed"},
			{`update deliveries set op = 'update', possible_duplicate = true; update positions set closed_at = t(301) where id = id('done')`, "its position closed"},
		},
		"INV-29": {
			{`update destinations set disabled_at = t(0); update delivery_attempts set outcome = 'gone'`, "4 calls found it gone"},
			{`update destinations set disabled_at = t(50)`, "dead since"},
		},
		"INV-32": {
			{`update order_events set actor = 'webhook' where order_id = id('buy') and seq = 2`, "webhook made it filled"},
			{`update order_events set actor = 'sweeper', to_state = 'not_placed' where order_id = id('buy') and seq = 2`, "sweeper made it not_placed"},
		},
		"INV-33": {
			{`update idempotency_keys set body = json_build_object('id', id('buy')) where route = 'POST /api/trading/orders'`, "the answer to 6 requests"},
			{`delete from idempotency_keys`, "without a request"},
		},
		"INV-34": {
			{`update idempotency_keys set user_id = id('ben') where key = 'key of ' || id('buy')`, "an order that is not there"},
			{`update orders set state = 'queued' where id = id('back')`, "the order will be cancelled"},
			{`delete from subscriptions`, "a subscription that is not there"},
			{`insert into idempotency_keys (user_id, route, key, body_hash, status, body)
				values (id('ben'), 'POST /api/copy-trading/decisions/' || id('entry') || '/approve', 'key to approve it', '', 200, json_build_object('id', id('entry')))`, "the copy is approved, and it is not"},
		},
		"INV-35": {
			{`alter table idempotency_keys drop constraint idempotency_keys_status_check; update idempotency_keys set status = 422`, "kept the answer 422"},
			{`update positions set status = 'open' where id = (select position_id from orders where id = id('back')); delete from orders where id = id('back')`, "a position that no order was placed for"},
		},
		"INV-36": {
			{`insert into trading_switches (scope, stops, set_at) values ('platform', 'all', t(330))`, "platform stopped all"},
			{`insert into trading_switches (scope, key, stops, set_at) values ('user', id('ava')::text, 'entries', t(200))`, "user stopped entries"},
			{`insert into trading_switches (scope, key, stops, set_at) values ('self', id('ava')::text, 'entries', t(200))`, "self stopped entries"},
			{`insert into trading_switches (scope, stops, set_at) values ('platform', 'all', t(330)); ` + change("'done'", "t(400), t(445)", "working"), "a change of it was sent"},
			{`insert into trading_switches (scope, key, stops, set_at) values ('leader', id('ava')::text, 'copies', t(0))`, "leader stopped copies"},
			{`insert into trading_switches (scope, key, stops, set_at) values ('publishing', id('ava')::text, 'copies', t(0))`, "publishing stopped copies"},
			{`insert into trading_switches (scope, key, stops, set_at) values ('broker', 'ALPACA-PAPER', 'all', t(330))`, "broker stopped all"},
			{`insert into trading_switches (scope, key, stops, set_at) values ('underlying', 'MSFT', 'all', t(330))`, "underlying stopped all"},
			{`insert into trading_switches (scope, key, stops, set_at) values ('account', id('ben account')::text, 'all', t(0))`, "account stopped all"},
		},
		"INV-37": {
			{`insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, time_in_force, source, state, send_before, trading_day)
				select user_id, account_id, position_id, 'BTO', symbol, underlying, 100, 1, 'Market', 'Day', 'manual', 'aborted', now(), trading_day from orders, generate_series(1, 11) where id = id('buy')`, "11 BTO orders within 55 s"},
			{`update order_pace set times = array(select t(n) from generate_series(1, 11) n)`, "11 requests within a minute"},
			{`update orders set estimated_cost = 50001 where id = id('buy')`, "bought for 50501"},
			{`update orders set estimated_cost = 50001 where id = id('buy');
				update order_events set evidence = '{"replaced": "B-old", "change": "c1"}' where order_id = id('buy') and seq = 2`, "bought for 50501"},
			{`update orders set estimated_cost = 60000, state = 'cancelled', cum = 3, cum_notional = 501 where id = id('buy')`, "bought for 50600"}, // not for the rest
			{`update orders set estimated_cost = 10001 where id = id('copy buy')`, "10001.0000 of it by copies"},
		},
		"INV-46": {
			{`alter table fills add column slippage double precision`, "fills.slippage is double precision"},
			{`update orders set trading_day = '2031-03-04' where id = id('buy')`, "which no calendar covers"},
			{`update orders set trading_day = '2026-04-03' where id = id('copy buy')`, "when the exchange is closed"},
			{`update orders set trading_day = '2026-03-07', order_type = 'Market' where id = id('buy')`, "when the exchange is closed"},
		},
		"INV-49": {
			{`alter table copy_holdings drop constraint copy_holdings_check; update copy_holdings set sold = 5`, "bought 4, sold 5"},
			{`update positions set sold = 3 where id = id('copied')`, "2 copied contracts, 1 held"},
			{`update copy_holdings set bought = 5`, "bought 5; the copies' fills say 4"},
			{`delete from copy_holdings`, "bought 0; the copies' fills say 4"},
			{`update copy_holdings set realized = 160.00000001`, "the copy's fills say 160"},
		},
		"INV-50": {
			{`update inbound_webhooks set state = 'working', worked_at = null, not_before = t(0)`, "nobody works it"},
			{`alter table inbound_webhooks drop constraint inbound_webhooks_check; update inbound_webhooks set state = 'parked'`, "parked without a reason"},
		},
		"INV-51": {
			{`insert into snaptrade_budget_calls select now(), 1 from generate_series(1, 240)`, "calls in 60 s"},
			{`insert into snaptrade_budget_calls select now(), 4 from generate_series(1, 195)`, "of them no exits or cancels"},
			{`insert into snaptrade_budget_calls select now(), 7 from generate_series(1, 145)`, "of those that rank below looks"},
		},
		"INV-52": {
			{`alter table copy_triggers drop constraint copy_triggers_once; insert into copy_triggers (subscription_id, position_id, user_id, trader_id, kind, symbol, held, bought, cost_each, send_before)
				select subscription_id, position_id, user_id, trader_id, kind, symbol, held, bought, cost_each, now() from copy_triggers where position_id is not null`, "stop_loss was reached for 4 of "},
			{`drop index orders_one_exit_per_trigger; alter table orders drop constraint orders_copy_has_decision;
				update orders set trigger_id = id('stopped') where id in (id('copy sell'), id('sell'))`, "sold by 2 orders"},
			{`alter table orders drop constraint orders_copy_has_decision; update orders set trigger_id = id('stopped'), quantity = 3 where id = id('copy sell')`, "sells 3 for another"},
			{`alter table orders drop constraint orders_copy_has_decision; update orders set trigger_id = id('stopped') where id = id('sell')`, "for another holding"},
			{`update copy_triggers set state = 'waiting', send_before = now() - interval '2 hours'`, "still waiting after its time"},
			{`update orders set state = 'accepted', cum = 0, quantity = 3 where id = id('copy sell')`, "holds 2 and sells 3"},
			{`update copy_triggers set held = 5 where position_id is null`, "take_profit was reached for 5 of 4"},
		},
		"INV-53": {
			{`update copy_drifts set user_id = id('ava')`, "is about a position of another follower"},
			{`update copy_drifts set position_id = id('held')`, "is about a position of another follower"},
			{`update copy_drifts set state = 'closing', order_id = id('sell')`, "closes a drift of another holding"},
		},
		"INV-56": {
			{`update orders set limit_price = 3.68 where id = id('copy buy')`, "its limit is 3.6800, 3.675"},
			{`update orders set limit_price = 4.04 where id = id('copy sell')`, "its limit is 4.0400, 4.05"},
			{`update subscriptions set max_slippage_percent = 0`, "its limit is 3.6000, 3.5000 is the worst allowed"},
			{`update fills set notional = 0.30 where order_id = id('buy'); update copy_decisions set source_price = 0.075; update orders set limit_price = 0.13 where id = id('copy buy')`, "its limit is 0.1300, 0.12"},
			{`update orders set cum_notional = 14.72 where id = id('copy buy')`, "it filled at 3.6800"},
			{`update orders set cum_notional = 8.08 where id = id('copy sell')`, "it filled at 4.0400"},
			{`update paper_fills set price = 3.68 where kind = 'buy'`, "on paper it filled at 3.6800"},
			{`update paper_fills set price = 4.04 where kind = 'sell'`, "on paper it filled at 4.0400"},
		},
		"INV-57": {
			{`delete from record_entries where order_id = id('sell')`, "fill 2 is not on the record"},
			{`update record_entries set trader_id = id('ben') where order_id = id('sell')`, "fill 2 is not on the record"},
			{`update record_entries set order_id = id('copy sell') where order_id = id('sell')`, "tells of a fill that was not published"},
			{`update record_trades set result = null where position_id = id('done')`, "closed, loss of -50.00000000; the record has nothing"},
			{`delete from record_trades where position_id = id('done')`, "closed, loss of -50.00000000; the record has nothing"},
			{`update published_days set finished = 2`, "the day counts 2 of -50"},
			{`delete from published_days`, "the day counts"},
			{`delete from published_results`, "the record tells loss; boards count nothing"},
			{`update published_results set result = 'win'`, "the record tells loss; boards count win of -50"},
			{`update published_results set realized = 50`, "the record tells loss; boards count loss of 50"},
			{`update record_trades set realized = -49 where position_id = id('done')`, "the record has loss of -49"},
			{`update positions set bought = 3 where id = id('done'); update record_trades set result = 'win'`, "closed, loss of -50.00000000; the record has win"}, // others besides: by its fills
			{`update positions set bought = 3 where id = id('done'); delete from fills where order_id = id('other sell')`, "closed, unknown of 0"},
		},
		"INV-58": {
			{`delete from record_entries where seq = 2`, "3 is entry 2 of its record"},
			{`update record_entries set entry = replace(entry, 'fill', 'full') where seq = 2`, "2 its hash is not that of it and the one before"},
			{`update record_entries set hash = sha256('x') where seq = 1`, "2 its hash is not that of it and the one before"},
			{`update record_heads set entries = 4`, "the head counts 4 entries of 5"},
			{`update record_heads set head = sha256('x')`, "the head counts 5 entries of 5"},
			{`delete from record_heads`, "the head counts 0 entries of 5"},
		},
	} {
		for _, b := range list {
			all = append(all, breach{name, b[0], b[1]})
		}
	}
	return append(all, breach{"INV-38", idleSQL, "idle in a transaction"})
}

// idleSQL stands in for a session of the program that waits in a transaction;
// TestATransactionThatWaitsIsFound has a real one.
const idleSQL = `create temp view pg_stat_activity as
	select 1 as pid, current_database() as datname, 'alertsify' as application_name, 'idle in transaction' as state,
		now() - interval '1 minute' as state_change, 'begin' as query`
