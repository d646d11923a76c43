# make run    a demo installation in ./hegui-data, with a sample model
# make test   everything that proves the house; installs what the tests need (Debian, Ubuntu)
# make lint   gofmt, vet, staticcheck
# make bench  measurements: packages, the moderation engine beside its peers, the whole gateway

SHELL := /bin/bash
export CGO_ENABLED = 0
export PATH := $(PATH):/usr/local/go/bin

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
# Modules of their own inside this repository, such as the client that verifies an exported journal with a foreign tool.
NESTED = $(patsubst ./%/go.mod,%,$(shell find . -mindepth 2 -name go.mod -not -path '*/node_modules/*' -not -path './hegui-data/*'))
# Per package; the browser tests take the longest.
GOTEST = go test -timeout 20m

.PHONY: run test lint bench tools build

run:
	go run ./cmd/hegui serve --demo

build:
	go build -trimpath -o bin/hegui ./cmd/hegui

tools:
	@internal/testkit/install.sh

lint:
	@echo "==> gofmt"
	@files=$$(gofmt -l . 2>&1); if [ -n "$$files" ]; then echo "not formatted:"; echo "$$files"; exit 1; fi
	@echo "==> go vet"
	@go vet ./...
	@echo "==> staticcheck"
	@go run $(STATICCHECK) ./...

test: tools lint
	@echo "==> go test: $$(go list ./... | wc -l) packages, a line each as they end"
	@$(GOTEST) ./...
	@for m in $(NESTED); do echo "==> go test in $$m"; (cd $$m && go vet ./... && $(GOTEST) ./...) || exit 1; done
	@echo "==> all green"

# The moderation engine is measured beside peers, which are fetched and built outside the repository, see bench/moderation.
# The gateway is measured against proxies that do almost nothing; GWBENCH names the load generator, see bench/gateway.
# What a lexicon is worth on public sets, bench/judgement/run.sh tells.
bench:
	go test -run '^$$' -bench . -benchmem ./...
	bench/moderation/run.sh
	go run ./bench/gateway
