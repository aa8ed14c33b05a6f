//! Changes to text: words and lines instead of bytes.

use super::how_many;
use crate::random::Random;

/// What may stand where a word stood.
const WORDS: [&str; 36] = [
    "",
    "0",
    "-0",
    "1",
    "-1",
    "2",
    "0.5",
    "1e308",
    "1e400",
    "-1e308",
    "1e-320",
    ".nan",
    ".inf",
    "NaN",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "999999999999999999999999999999999",
    "0x7fffffff",
    "true",
    "null",
    "~",
    "[]",
    "{}",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "'",
    "\"",
    "&a",
    "*a",
    "!!binary AA",
    "\u{feff}",
    "\u{1F408}",
];

/// A list of nine of the list of nine of ... (the "billion laughs").
const LAUGHS: &str = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n\
    c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n\
    e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n\
    g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n";

/// Changes `input` by words and lines, and sometimes by bytes.
pub(crate) fn text(input: Vec<u8>, others: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    if random.once_in(4) {
        return super::bytes(input, others, random);
    }
    let mut text = String::from_utf8_lossy(&input).into_owned();
    for _ in 0..how_many(random) {
        text = change(&text, random);
        if text.len() > 1 << 18 {
            break;
        }
    }
    text.into_bytes()
}

fn change(text: &str, random: &mut Random) -> String {
    match random.below(16) {
        0..=8 => {
            let word = (*random.of(&WORDS)).to_owned();
            replace_word(text, &word, random)
        }
        9 | 10 => replace_word(text, &number(random), random),
        11..=13 => lines(text, random),
        14 => {
            let long = *random.of(&["[", "{a: ", "{\"a\":", "x", "- ", "? ", "\n ", "9", "("]);
            let long = long.repeat(*random.of(&[10, 39, 41, 130, 10_000, 50_000]));
            replace_word(text, &long, random)
        }
        _ if random.once_in(4) => format!("{LAUGHS}{text}"),
        _ => {
            let (from, to) = (word_of(text, random), word_of(text, random));
            replace_word(text, &text[from], random).replacen(&text[to], " ", 1)
        }
    }
}

fn number(random: &mut Random) -> String {
    match random.below(3) {
        0 => random.below(1_000).to_string(),
        1 => (random.next() as i64).to_string(),
        _ => f64::from_bits(random.next()).to_string(),
    }
}

/// The range of one word, a run of letters, digits and the like.
fn word_of(text: &str, random: &mut Random) -> std::ops::Range<usize> {
    let in_word = |c: char| c.is_alphanumeric() || "._-+/".contains(c);
    let mut at = random.below(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let rest = &text[at..];
    let start = at + rest.find(in_word).unwrap_or(rest.len());
    let rest = &text[start..];
    start..start + rest.find(|c| !in_word(c)).unwrap_or(rest.len())
}

fn replace_word(text: &str, new: &str, random: &mut Random) -> String {
    let mut text = text.to_owned();
    let range = word_of(&text, random);
    text.replace_range(range, new);
    text
}

/// A line gone, doubled, moved or indented.
fn lines(text: &str, random: &mut Random) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return "\n".to_owned();
    }
    let (at, to) = (random.below(lines.len()), random.below(lines.len()));
    match random.below(4) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(to, lines[at].clone()),
        2 => lines.swap(at, to),
        _ => {
            const INDENTS: [&str; 4] = ["  ", "\t", "# ", "- "];
            let indent = random.of(&INDENTS);
            lines[at].insert_str(0, indent);
        }
    }
    lines.join("\n") + "\n"
}
