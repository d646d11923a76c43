package hosted

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The vendors' signatures. Each was compared with what the vendor's own kit makes of the same request (sign_test.go).

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// escape is the percent-encoding that signatures want: unreserved characters stay, a blank is %20.
func escape(s string) string {
	return strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(url.QueryEscape(s))
}

func query(v url.Values) string {
	var parts []string
	for name, list := range v {
		for _, value := range list {
			parts = append(parts, escape(name)+"="+escape(value))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "&")
}

// canonical are the headers of a request by name, host included, as they are signed.
func canonical(r *http.Request, names []string) string {
	var b strings.Builder
	for _, name := range names {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.URL.Host
		}
		b.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	return b.String()
}

func path(r *http.Request) string {
	if r.URL.Path == "" {
		return "/"
	}
	return r.URL.Path
}

// signAlibaba is ACS3-HMAC-SHA256 (Alibaba Cloud, request signature V3).
func signAlibaba(r *http.Request, body []byte, keyID, secret, action, version, nonce string, now time.Time) {
	for name, value := range map[string]string{"x-acs-action": action, "x-acs-version": version, "x-acs-date": now.UTC().Format("2006-01-02T15:04:05Z"),
		"x-acs-signature-nonce": nonce, "x-acs-content-sha256": hash(body)} {
		r.Header.Set(name, value)
	}
	names := []string{"content-type", "host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"}
	signed := strings.Join(names, ";")
	request := strings.Join([]string{r.Method, path(r), query(r.URL.Query()), canonical(r, names), signed, hash(body)}, "\n")
	signature := hex.EncodeToString(mac([]byte(secret), "ACS3-HMAC-SHA256\n"+hash([]byte(request))))
	r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential="+keyID+",SignedHeaders="+signed+",Signature="+signature)
}

// signTencent is TC3-HMAC-SHA256 (Tencent Cloud API 3.0).
func signTencent(r *http.Request, body []byte, keyID, secret, service, action, version, region string, now time.Time) {
	stamp, date := strconv.FormatInt(now.Unix(), 10), now.UTC().Format("2006-01-02")
	for name, value := range map[string]string{"X-TC-Action": action, "X-TC-Version": version, "X-TC-Timestamp": stamp, "X-TC-Region": region} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	names := []string{"content-type", "host"}
	signed := strings.Join(names, ";")
	request := strings.Join([]string{r.Method, path(r), query(r.URL.Query()), canonical(r, names), signed, hash(body)}, "\n")
	scope := date + "/" + service + "/tc3_request"
	key := mac(mac(mac([]byte("TC3"+secret), date), service), "tc3_request")
	signature := hex.EncodeToString(mac(key, "TC3-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+hash([]byte(request))))
	r.Header.Set("Authorization", "TC3-HMAC-SHA256 Credential="+keyID+"/"+scope+", SignedHeaders="+signed+", Signature="+signature)
}

// signHuawei is SDK-HMAC-SHA256 (Huawei Cloud, AK/SK).
func signHuawei(r *http.Request, body []byte, keyID, secret string, now time.Time) {
	date := now.UTC().Format("20060102T150405Z")
	r.Header.Set("X-Sdk-Date", date)
	names := []string{"content-type", "host", "x-sdk-date"}
	signed := strings.Join(names, ";")
	at := path(r)
	if !strings.HasSuffix(at, "/") {
		at += "/"
	}
	request := strings.Join([]string{r.Method, at, query(r.URL.Query()), canonical(r, names), signed, hash(body)}, "\n")
	signature := hex.EncodeToString(mac([]byte(secret), "SDK-HMAC-SHA256\n"+date+"\n"+hash([]byte(request))))
	r.Header.Set("Authorization", "SDK-HMAC-SHA256 Access="+keyID+", SignedHeaders="+signed+", Signature="+signature)
}

// signVolcengine is HMAC-SHA256 (Volcengine, signature V4).
func signVolcengine(r *http.Request, body []byte, keyID, secret, service, region string, now time.Time) {
	stamp := now.UTC().Format("20060102T150405Z")
	date := stamp[:8]
	r.Header.Set("X-Date", stamp)
	r.Header.Set("X-Content-Sha256", hash(body))
	names := []string{"content-type", "host", "x-content-sha256", "x-date"}
	signed := strings.Join(names, ";")
	request := strings.Join([]string{r.Method, path(r), query(r.URL.Query()), canonical(r, names), signed, hash(body)}, "\n")
	scope := strings.Join([]string{date, region, service, "request"}, "/")
	key := mac(mac(mac(mac([]byte(secret), date), region), service), "request")
	signature := hex.EncodeToString(mac(key, "HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+hash([]byte(request))))
	r.Header.Set("Authorization", "HMAC-SHA256 Credential="+keyID+"/"+scope+", SignedHeaders="+signed+", Signature="+signature)
}
