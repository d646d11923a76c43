package console

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hegui/hegui/detector"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/review"
)

// sampleDetectors are two detectors that were asked: one that works and has a cap, one that is down. They are made when the
// page is first shown.
func sampleDetectors(db *store.DB, j *journal.Journal, reviews *review.Register, watcher *detector.Watcher) func(context.Context) (DetectorsNow, error) {
	made := sync.OnceValues(func() ([]*detector.Detector, error) { return askDetectors(db, j) })
	return func(ctx context.Context) (DetectorsNow, error) {
		all, err := made()
		if err != nil {
			return DetectorsNow{}, err
		}
		ledger, err := detector.OpenLedger(ctx, db, j)
		if err != nil {
			return DetectorsNow{}, err
		}
		now, err := DetectorsOf(ctx, all, ledger, time.Now())
		now.Classifiers = ClassifiersOf(reviews.Consulted(), watcher.Status())
		return now, err
	}
}

func askDetectors(db *store.DB, j *journal.Journal) ([]*detector.Detector, error) {
	ctx := context.Background()
	ledger, err := detector.OpenLedger(ctx, db, j)
	if err != nil {
		return nil, err
	}
	cache, err := detector.NewCache(100)
	if err != nil {
		return nil, err
	}
	source := func(name string, err error) detector.Source {
		return detector.Source{About: moderation.Description{Name: name, Kind: detector.Kind, Timeout: 5 * time.Second}, Artefact: name,
			Judge: func(_ context.Context, q moderation.Query) (moderation.Judgement, detector.Usage, error) {
				used := detector.Usage{Calls: 1, In: 200, Out: 5}
				if string(q.Text) == "text 3" {
					return moderation.Judgement{Outcome: moderation.Found, Findings: []moderation.Detection{{Category: "A1h", Score: 0.9}}}, used, err
				}
				return moderation.Judgement{Outcome: moderation.Clear}, used, err
			}}
	}
	works, err := detector.New(source("qwen", nil), detector.Options{Cache: cache, Ledger: ledger, Price: detector.Price{PerCall: 0.25}, Cap: detector.FromYuan(1), AtCap: detector.CapSkip})
	if err != nil {
		return nil, err
	}
	down, err := detector.New(source("judge", errors.New("the endpoint answered with HTTP 503, then: context deadline exceeded")), detector.Options{Ledger: ledger, Ask: detector.Unsure, Low: 0.3, High: 0.8, Failures: 2,
		Earlier: func() []moderation.Detector { return []moderation.Detector{broken{}} }})
	if err != nil {
		return nil, err
	}
	all := []*detector.Detector{works, down}
	for _, d := range all {
		for i := range 6 {
			moderation.Consult(ctx, d, moderation.Query{Text: []byte(fmt.Sprint("text ", i))})
			moderation.Consult(ctx, d, moderation.Query{Text: []byte("text 0")})
		}
	}
	return all, ledger.Flush(ctx)
}

// broken is an earlier detector that is out, so that the one after it is needed.
type broken struct{}

func (broken) Describe() moderation.Description {
	return moderation.Description{Name: "linear", Kind: "linear"}
}

func (broken) Check(context.Context, moderation.Query) (moderation.Judgement, error) {
	return moderation.Judgement{}, errors.New("no artefact")
}

func TestDetectorsPage(t *testing.T) {
	d := newDesk(t)
	p := d.in()
	body := p.get("/detectors?lang=en", 200)
	wants(t, body, "qwen", "judge", "Works", "Resting", "HTTP 503", "asked when those before are unsure", "¥1.00 · then the others decide", "Last seven days", detector.Day(time.Now()))
	body = p.get("/detectors?lang=zh", 200)
	wants(t, body, "检测器", "熔断中", "达到限额未提问", "最近七天", "限时内没有应答", "与词库和分类器", "命中率的变化")
	if strings.Contains(body, "context deadline exceeded") {
		t.Error("what went wrong is told in another language")
	}
}
