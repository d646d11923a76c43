package gateway

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiterSize bounds the users whose rate is remembered; past it the memory starts anew, which errs on the user's side.
const limiterSize = 100_000

// limiter counts requests for each user in this process.
type limiter struct {
	mu    sync.Mutex
	users map[string]*rate.Limiter
}

// wait returns 0 when the user may go on now, else how long until they may.
func (l *limiter) wait(subject string, perMinute int, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	every := rate.Limit(float64(perMinute) / 60)
	u := l.users[subject]
	if u == nil || u.Limit() != every {
		if l.users == nil || len(l.users) >= limiterSize {
			l.users = map[string]*rate.Limiter{}
		}
		u = rate.NewLimiter(every, max(1, perMinute/4))
		l.users[subject] = u
	}
	r := u.ReserveN(now, 1)
	if d := r.DelayFrom(now); d > 0 {
		r.CancelAt(now)
		return d
	}
	return 0
}
