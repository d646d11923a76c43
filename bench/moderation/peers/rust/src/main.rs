//! Runs one Rust engine: a process of bench/moderation, which see. It answers the requests of serve.go.

use std::io::{BufRead, Write};

use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::contiguous;
use serde_json::{json, Value};

/// An engine fills the list of results (start, end, word) of a text.
type Found = Vec<(usize, usize, u32)>;
type Engine = Box<dyn Fn(&str, &mut Found)>;

const MESSAGE_SIZE: usize = 1024;

fn cpu() -> i64 {
    let mut u: libc::rusage = unsafe { std::mem::zeroed() };
    let rc = unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut u) };
    assert_eq!(rc, 0, "getrusage of the process itself");
    let ns = |t: libc::timeval| t.tv_sec as i64 * 1_000_000_000 + t.tv_usec as i64 * 1_000;
    ns(u.ru_utime) + ns(u.ru_stime)
}

fn build(name: &str, words: &[&str]) -> Result<(Engine, usize), String> {
    match name {
        "daachorse-charwise" => {
            let m = daachorse::CharwiseDoubleArrayAhoCorasick::<u32>::new(words).map_err(|e| e.to_string())?;
            let size = m.heap_bytes();
            Ok((Box::new(move |t, f| f.extend(m.find_overlapping_iter(t).map(|m| (m.start(), m.end(), m.value())))), size))
        }
        "daachorse-bytewise" => {
            let m = daachorse::DoubleArrayAhoCorasick::<u32>::new(words).map_err(|e| e.to_string())?;
            let size = m.heap_bytes();
            Ok((Box::new(move |t, f| f.extend(m.find_overlapping_iter(t).map(|m| (m.start(), m.end(), m.value())))), size))
        }
        "daachorse4-charwise" => {
            let m = daachorse4::CharwiseDoubleArrayAhoCorasick::<u32>::new(words).map_err(|e| e.to_string())?;
            let size = m.heap_bytes();
            Ok((Box::new(move |t, f| f.extend(m.find_overlapping_iter(t).map(|m| (m.start(), m.end(), m.value())))), size))
        }
        "daachorse4-bytewise" => {
            let m = daachorse4::DoubleArrayAhoCorasick::<u32>::new(words).map_err(|e| e.to_string())?;
            let size = m.heap_bytes();
            Ok((Box::new(move |t, f| f.extend(m.find_overlapping_iter(t).map(|m| (m.start(), m.end(), m.value())))), size))
        }
        "aho-corasick" => {
            let m = contiguous::NFA::new(words).map_err(|e| e.to_string())?;
            let size = m.memory_usage();
            Ok((
                Box::new(move |t, f| {
                    let found = m.try_find_overlapping_iter(t.into()).expect("an NFA of standard matches without anchors");
                    f.extend(found.map(|m| (m.start(), m.end(), m.pattern().as_u32())))
                }),
                size,
            ))
        }
        _ => Err(format!("no engine {name}")),
    }
}

fn messages(mut text: &str, n: usize) -> Vec<&str> {
    let mut out = Vec::new();
    while text.len() > MESSAGE_SIZE && out.len() < n {
        let mut end = MESSAGE_SIZE;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        out.push(&text[..end]);
        text = &text[end..];
    }
    out
}

fn measure(engine: &Engine, text: &str, r: &Value) -> Value {
    let parts = match r["messages"].as_u64().unwrap_or(0) {
        0 => vec![text],
        n => messages(text, n as usize),
    };
    let min = r["min_ns"].as_i64().unwrap_or(0);
    let (start, mut passes, mut hits, mut used) = (cpu(), 0, 0, 0);
    while passes == 0 || used < min {
        hits = 0;
        for p in &parts {
            let mut found = Found::new();
            engine(p, &mut found);
            hits += std::hint::black_box(&found).len();
        }
        passes += 1;
        used = cpu() - start;
    }
    let bytes: usize = parts.iter().map(|p| p.len()).sum();
    json!({"cpu_ns": used, "passes": passes, "bytes": bytes, "hits": hits, "allocs": -1})
}

fn main() {
    if let Err(e) = run() {
        eprintln!("peers: {e}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.len() < 2 {
        return Err("want an engine, a file of words and files of texts".into());
    }
    let words = std::fs::read_to_string(&args[1])?;
    let words: Vec<&str> = words.lines().collect();
    let texts = args[2..].iter().map(std::fs::read_to_string).collect::<Result<Vec<_>, _>>()?;
    let out = std::io::stdout();
    let say = |v: Value| -> std::io::Result<()> {
        let mut out = out.lock();
        writeln!(out, "{v}")?;
        out.flush()
    };
    let start = cpu();
    let engine = match build(&args[0], &words) {
        Ok((engine, memory)) => {
            say(json!({"build_ns": cpu() - start, "memory": memory}))?;
            engine
        }
        Err(e) => return Ok(say(json!({"error": e}))?),
    };
    for line in std::io::stdin().lock().lines() {
        let r: Value = serde_json::from_str(&line?)?;
        let text = r["text"].as_u64().and_then(|i| texts.get(i as usize)).ok_or("request for a text it was not given")?;
        say(measure(&engine, text, &r))?;
    }
    Ok(())
}
