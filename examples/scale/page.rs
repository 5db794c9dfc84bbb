//! How do the figures come onto the page? Tables and a picture, made anew from the JSON lines; what people have written around
//! them stays.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// What is generated stands between these two lines.
const BEGIN: &str = "<!-- figures -->";
const END: &str = "<!-- end of figures -->";
const PICTURE: &str = "performance-growth.svg";

/// Lines of the picture: benchmark, case, what it is called there.
const GROWTH: [(&str, &str, &str, &str); 6] = [
    ("B1", "cold read + map + store", "cold read, map, store", "#1b6ca8"),
    ("B2", "dry run, all new", "dry run, all new", "#b8451f"),
    ("B2", "dry run, all equal, everybody considered", "dry run, all considered", "#c28f00"),
    ("B9", "full resync of both tenants after 410", "full resync after 410", "#5b3a8c"),
    ("B3", "cycle, 0 changes", "idle cycle", "#2e7d32"),
    ("B1", "limit: typed, mapped, hashed", "limit: one typed thread", "#777777"),
];

/// Benchmarks whose figures are no times, where a peer stands beside us.
const COUNTED: [&str; 2] = ["B4", "B7"];

type Key = (String, String, u64);

/// The newest figure of each benchmark, case and size.
fn newest(figures: &Path) -> BTreeMap<Key, Value> {
    let text = fs::read_to_string(figures).unwrap_or_else(|e| panic!("{}: {e}", figures.display()));
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}")));
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    lines.map(|l| ((text(&l, "bench"), text(&l, "case"), l["people"].as_u64().unwrap_or(0)), l)).collect()
}

/// Fills the page and draws the picture beside it.
pub fn write(figures: &Path, page: &Path) {
    let figures = newest(figures);
    let before = fs::read_to_string(page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
    let (head, rest) = before.split_once(BEGIN).unwrap_or_else(|| panic!("{}: no line {BEGIN}", page.display()));
    let (_, tail) = rest.split_once(END).unwrap_or_else(|| panic!("{}: no line {END}", page.display()));
    let picture = page.with_file_name(PICTURE);
    fs::write(page, format!("{head}{BEGIN}\n\n{}\n{END}{tail}", tables(&figures))).unwrap();
    fs::write(picture, drawn(&figures)).unwrap();
}

/// One table of the benchmarks, each at its largest size, one of the peers, and where all of it was measured.
fn tables(figures: &BTreeMap<Key, Value>) -> String {
    let mut largest: BTreeMap<(&str, &str), (&Key, &Value)> = BTreeMap::new();
    for (key, line) in figures {
        largest.insert((&key.0, &key.1), (key, line));
    }
    let is_peer = |case: &str| case.starts_with("peer:");
    let mut out = String::from(
        "| | case | people | took | memory | requests | target | of it |\n|---|---|--:|--:|--:|--:|---|--:|\n",
    );
    let mut rows: Vec<_> = largest.values().filter(|(key, _)| !is_peer(&key.1)).collect();
    rows.sort_by_key(|(key, _)| (key.0[1..].parse::<u32>().unwrap_or(u32::MAX), key.1.clone()));
    for ((bench, case, people), line) in rows {
        let (took, memory) = (told_time(line), told_memory(line));
        let requests = line["requests"].as_u64().filter(|n| *n > 0).map(thousands).unwrap_or_default();
        let target = line["target"].as_str().unwrap_or_default();
        let parts = ["of_target", "of_memory_target"].map(|name| line[name].as_f64().map(|r| format!("{r:.2}")));
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let people = thousands(*people);
        let _ = writeln!(
            out,
            "| {bench} | {case} | {people} | {took} | {memory} | {requests} | {target} | {} |",
            parts.join(", ")
        );
    }
    out += "\n*Of it*: 1 is just enough, less is better; a second number is that of memory.\n";
    out += "\n| peer | people | took | memory | ours | times as fast |\n|---|--:|--:|--:|--:|--:|\n";
    for ((_, case), (key, line)) in
        largest.iter().filter(|((bench, case), _)| is_peer(case) && !COUNTED.contains(bench))
    {
        let ours = ours_beside(&key.0, case).and_then(|ours| figures.get(&(key.0.clone(), ours.to_owned(), key.2)));
        let seconds = |line: &Value| line["wall_s"].as_f64().unwrap_or(f64::NAN);
        let (own, times) = ours.map_or((String::new(), String::new()), |ours| {
            (told_time(ours), format!("{:.1}", seconds(line) / seconds(ours)))
        });
        let (name, took, memory) = (case.trim_start_matches("peer: "), told_time(line), told_memory(line));
        let _ = writeln!(out, "| {name} | {} | {took} | {memory} | {own} | {times} |", thousands(key.2));
    }
    out += &counted(&largest);
    out += &growth(figures);
    let mut places: Vec<String> = figures.values().map(place).collect();
    places.sort();
    places.dedup();
    out + "\nMeasured:\n\n"
        + &places.concat()
        + &format!("\n![seconds over people, both axes logarithmic]({PICTURE})\n")
}

/// Where the time says nothing, or not all: what the tenants' ledger says of us and of the peers.
fn counted(largest: &BTreeMap<(&str, &str), (&Key, &Value)>) -> String {
    let mut out = String::from("\n| | who | people | what the tenants saw | answered |\n|---|---|--:|---|--:|\n");
    let peers = |bench: &str| -> Vec<&str> {
        let cases = largest.keys().filter(|(b, case)| *b == bench && case.starts_with("peer:"));
        cases.map(|(_, case)| *case).collect()
    };
    for bench in COUNTED {
        let peers = peers(bench);
        let ours: BTreeSet<&str> = peers.iter().filter_map(|case| ours_beside(bench, case)).collect();
        for case in ours.into_iter().chain(peers) {
            let Some((key, line)) = largest.get(&(bench, case)) else { continue };
            let who = case.strip_prefix("peer: ").map_or_else(|| format!("crosstie, {case}"), str::to_owned);
            let said = line["said"].as_str().unwrap_or_default();
            let bytes = line["bytes"].as_f64().unwrap_or(f64::NAN) / 1e6;
            let _ = writeln!(out, "| {bench} | {who} | {} | {said} | {bytes:.1} MB |", thousands(key.2));
        }
    }
    out
}

/// Seconds at each size, and by how much memory grew from the smallest to the largest.
fn growth(figures: &BTreeMap<Key, Value>) -> String {
    let sized = |key: &&Key| ["B1", "B2", "B3", "B9", "B10"].contains(&key.0.as_str()) && !key.1.starts_with("peer:");
    let sizes: BTreeSet<u64> = figures.keys().filter(sized).map(|key| key.2).collect();
    if sizes.len() < 2 {
        return String::new();
    }
    let heads: Vec<String> = sizes.iter().map(|n| thousands(*n)).collect();
    let mut out = format!(
        "\n| seconds | | {} | memory grew by |\n|---|---|{}--:|\n",
        heads.join(" | "),
        "--:|".repeat(sizes.len())
    );
    let cases: BTreeSet<(&String, &String)> = figures.keys().filter(sized).map(|key| (&key.0, &key.1)).collect();
    for (bench, case) in cases {
        let lines: Vec<Option<&Value>> =
            sizes.iter().map(|n| figures.get(&(bench.clone(), case.clone(), *n))).collect();
        let cell = |line: &Option<&Value>| {
            line.and_then(|l| l["wall_s"].as_f64()).map_or(String::new(), |s| format!("{s:.3}"))
        };
        let cells: Vec<String> = lines.iter().map(cell).collect();
        let memory: Vec<f64> = lines.iter().flatten().filter_map(|l| l["rss_bytes"].as_f64()).collect();
        let grew = match memory.as_slice() {
            [first, .., last] => format!("{:.0} MB", (last - first) / 1e6),
            _ => String::new(),
        };
        let _ = writeln!(out, "| {bench} | {case} | {} | {grew} |", cells.join(" | "));
    }
    out
}

/// Which benchmark of ours does the same as a peer's.
fn ours_beside(bench: &str, case: &str) -> Option<&'static str> {
    match bench {
        "B1" if case.contains("read and map") => Some("cold read + map + store"),
        "B2" => Some("dry run from nothing, both tenants read"),
        "B3" => Some("cycle, 0 changes"),
        "B4" => Some("in real time, 300 writes in 15 s"),
        "B5" => Some("provision everybody, quota off"),
        "B7" if case.contains("late") => Some("killed halfway, and the target tells 30 s late"),
        "B7" => Some("killed 50 times while it writes"),
        _ => None,
    }
}

fn place(line: &Value) -> String {
    let text = |name: &str| line[name].as_str().unwrap_or_default();
    let day: String = text("at").chars().take(10).collect();
    format!("- {day}, {}, commit {}: `{}`\n", text("machine"), text("commit"), text("command"))
}

fn told_time(line: &Value) -> String {
    if let Some(virtual_seconds) = line["virtual_s"].as_f64() {
        return format!("{virtual_seconds:.0} s of virtual time");
    }
    match line["wall_s"].as_f64().unwrap_or(f64::NAN) {
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{seconds:.2} s"),
    }
}

fn told_memory(line: &Value) -> String {
    line["rss_bytes"].as_f64().filter(|b| *b > 0.0).map(|b| format!("{:.0} MB", b / 1e6)).unwrap_or_default()
}

fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
/// Room for the axes' words: left, right, top, bottom.
const ROOM: [f64; 4] = [60.0, 190.0, 20.0, 50.0];

/// Where a value stands on a logarithmic axis, from 0 to 1.
fn along(value: f64, [least, most]: [f64; 2]) -> f64 {
    (value.log10() - least.log10()) / (most.log10() - least.log10())
}

/// Powers of ten around these values.
fn decades(values: impl Iterator<Item = f64> + Clone) -> [f64; 2] {
    // An axis of nothing would have no end.
    if values.clone().next().is_none() {
        return [1.0, 10.0];
    }
    let least = values.clone().fold(f64::INFINITY, f64::min).log10().floor();
    let most = values.fold(0.0, f64::max).log10().ceil().max(least + 1.0);
    [10f64.powf(least), 10f64.powf(most)]
}

/// Seconds over people, both axes logarithmic: what grows as people do rises by one decade in one.
fn drawn(figures: &BTreeMap<Key, Value>) -> String {
    let points = |bench: &str, case: &str| -> Vec<(f64, f64)> {
        let of_case = figures.iter().filter(|(key, _)| key.0 == bench && key.1 == case);
        of_case.filter_map(|(key, line)| Some((key.2 as f64, line["wall_s"].as_f64()?))).collect()
    };
    let lines = GROWTH.map(|(bench, case, name, colour)| (name, colour, points(bench, case)));
    let all = || lines.iter().flat_map(|(_, _, points)| points);
    let (people, seconds) = (decades(all().map(|p| p.0)), decades(all().map(|p| p.1)));
    let [left, right, top, bottom] = ROOM;
    let x = |n: f64| left + along(n, people) * (WIDTH - left - right);
    let y = |s: f64| HEIGHT - bottom - along(s, seconds) * (HEIGHT - top - bottom);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    let mut axis = |range: [f64; 2], is_x: bool| {
        let mut value = range[0];
        while value <= range[1] * 1.001 {
            let ((x1, y1), (x2, y2)) = if is_x {
                ((x(value), top), (x(value), HEIGHT - bottom))
            } else {
                ((left, y(value)), (WIDTH - right, y(value)))
            };
            let _ = writeln!(svg, "<path d=\"M{x1:.1} {y1:.1} L{x2:.1} {y2:.1}\" stroke=\"#dddddd\"/>");
            let (x, y, anchor) = if is_x { (x2, y2 + 18.0, "middle") } else { (x1 - 6.0, y1 + 4.0, "end") };
            let word = if is_x { thousands(value.round() as u64) } else { format!("{value} s") };
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{word}</text>");
            value *= 10.0;
        }
    };
    axis(people, true);
    axis(seconds, false);
    for (place, (name, colour, points)) in lines.iter().enumerate().filter(|(_, (.., points))| !points.is_empty()) {
        let path: Vec<String> = points.iter().map(|(n, s)| format!("{:.1} {:.1}", x(*n), y(*s))).collect();
        let _ =
            writeln!(svg, "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>", path.join(" L"));
        for (n, s) in points {
            let _ = writeln!(svg, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>", x(*n), y(*s));
        }
        let (words, row) = (WIDTH - right + 12.0, top + 16.0 + place as f64 * 20.0);
        let _ = writeln!(svg, "<text x=\"{words}\" y=\"{row}\" fill=\"{colour}\">{name}</text>");
    }
    svg + &format!(
        "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">people</text>\n</svg>\n",
        (left + WIDTH - right) / 2.0,
        HEIGHT - 12.0
    )
}
