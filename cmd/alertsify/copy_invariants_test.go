package main

import "github.com/jackc/pgx/v5"

// copyInvariants are those of copies, as statements that find what breaks them.
func copyInvariants() map[string]string {
	const taken = `case when e.state in ('queued', 'submitting', 'unknown', 'accepted', 'partial') then e.quantity else e.cum end`
	return map[string]string{
		"INV-19 one decision for each leader's order and subscription": `
			select leader_order_id from copy_decisions group by leader_order_id, subscription_id having count(*) > 1`,
		"INV-19 one entry for each decision": `
			select decision_id from orders where side = 'BTO' and decision_id is not null group by 1 having count(*) > 1`,
		"INV-19 exits within their target, the target within what was held": `
			select c.id from copy_decisions c join orders e on e.decision_id = c.id where c.side = 'STC'
			group by c.id having sum(` + taken + `) > max(e.copy_target) or max(e.copy_target) > c.held`,
		"INV-20 the day's counter is the copies that count, within the cap": `
			select o.user_id from orders o join subscriptions s on s.id = o.subscription_id
			left join day_counters d on d.user_id = o.user_id and d.trading_day = o.trading_day and d.kind = 'copies'
			where o.source = 'copy' and o.side = 'BTO'
			group by o.user_id, o.trading_day, d.used, s.max_daily_trades
			having count(*) filter (where o.cum > 0 or o.state not in ('aborted', 'rejected', 'not_placed')) <> coalesce(d.used, 0) or d.used > s.max_daily_trades`,
		"INV-22 no copy of a copy, of oneself, of nothing": `
			select c.id from copy_decisions c join orders l on l.id = c.leader_order_id
			where l.source = 'copy' or l.cum = 0 or l.user_id = c.user_id or l.user_id <> c.trader_id or c.side <> l.side`,
		"INV-23 no entry works on once the leader is flat": `
			select e.id from orders e join copy_decisions c on c.id = e.decision_id join orders l on l.id = c.leader_order_id join positions p on p.id = l.position_id
			where e.side = 'BTO' and e.finished_at is null and p.bought = p.sold`,
		"INV-24 every follower of a fill has a decision": `
			select s.id from orders l join subscriptions s on s.trader_id = l.user_id and s.status = 'active'
			where l.cum > 0 and s.active_since <= (select min(learnt_at) from fills f where f.order_id = l.id)
			  and not exists (select 1 from copy_decisions c where c.leader_order_id = l.id and c.subscription_id = s.id)`,
		"a decision is executed when something filled, and only then": `
			select c.id from copy_decisions c
			where (c.result = 'executed') <> exists (select 1 from orders e where e.decision_id = c.id and e.cum > 0)`,
		"a decision that was never sent has nothing at the broker": `
			select c.id from copy_decisions c join orders e on e.decision_id = c.id
			where c.result in ('skipped', 'rejected', 'expired') and e.broker_order_id is not null`,
		"INV-49 copied held is within what the position holds": `
			select p.id from positions p join copy_holdings h on h.position_id = p.id
			group by p.id having bool_or(h.sold < 0 or h.sold > h.bought) or sum(h.bought - h.sold) > p.bought - p.sold`,
		"INV-49 a copied holding is what its copies bought, and all they sold": `
			select h.position_id from copy_holdings h
			left join lateral (
				select coalesce(sum(f.quantity) filter (where f.side = 'BTO'), 0) as bought, coalesce(sum(f.quantity) filter (where f.side = 'STC'), 0) as sold
				from fills f join orders o on o.id = f.order_id where f.position_id = h.position_id and o.subscription_id = h.subscription_id) f on true
			where h.bought <> f.bought or h.sold < f.sold`,
		"INV-49 the copies' profit is that of their sells, where nobody else sold": `
			select h.position_id from copy_holdings h join positions p on p.id = h.position_id
			where p.realized <> h.realized and p.bought = h.bought and p.sold = h.sold`,
	}
}

// checkCopies waits for every invariant of copies to hold: settling may be a
// moment behind what the test waited for.
func (s *show) checkCopies() {
	s.t.Helper()
	for name, statement := range copyInvariants() {
		s.eventually(name, func() bool {
			rows, err := s.stage.db.Pool().Query(s.t.Context(), statement)
			if err != nil {
				s.t.Fatalf("%s: %v", name, err)
			}
			broken, err := pgx.CollectRows(rows, pgx.RowTo[[16]byte])
			if err != nil {
				s.t.Fatalf("%s: %v", name, err)
			}
			return len(broken) == 0
		})
	}
}
