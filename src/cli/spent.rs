//! Where the time of an extraction went.

use crate::pipeline::Timings;

/// Two lines, or none where nothing was computed: what the thread that infers did, as shares of
/// the stage, and what the threads that prepare images did beside it, as shares of their time.
pub(super) fn lines(timings: &Timings) -> String {
    let Timings {
        extract: total,
        workers,
        threads,
        sessions,
        ..
    } = *timings;
    if timings.rows_computed == 0 || total <= 0.0 {
        return String::new();
    }
    let shares = |whole: f64, steps: &[(&str, f64)]| {
        let share = |(name, took): &(&str, f64)| format!("{name} {}", percent(took / whole));
        steps.iter().map(share).collect::<Vec<_>>().join(", ")
    };
    let mut on_top = vec![
        ("inference", timings.infer),
        ("waiting for images", timings.wait),
        ("loading the network", timings.open),
        ("writing", timings.write),
    ];
    if timings.others > 0.0 {
        on_top.push(("waiting for another run", timings.others));
    }
    let beside = [
        ("read", timings.read),
        ("decode", timings.decode),
        ("augment", timings.augment),
        ("resize", timings.resize),
    ];
    let sharing = match sessions {
        0 | 1 => String::new(),
        many => format!(" in {}", counted(many, "session")),
    };
    format!(
        "Extraction {total:.1} s on {}{sharing}, batch {}: {}\n  beside it on {}: {}\n",
        counted(threads, "thread"),
        timings.batch,
        shares(total, &on_top),
        counted(workers, "worker"),
        shares(total * workers.max(1) as f64, &beside),
    )
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn percent(share: f64) -> String {
    match share * 100.0 {
        percent if percent > 0.0 && percent < 0.1 => "<0.1 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_time_went_as_people_see_it() {
        let timings = Timings {
            rows_computed: 400,
            batch: 16,
            threads: 2,
            workers: 2,
            extract: 8.0,
            open: 0.4,
            infer: 7.4,
            wait: 0.08,
            write: 0.1,
            read: 0.01,
            decode: 0.5,
            resize: 0.3,
            ..Timings::default()
        };
        insta::assert_snapshot!(lines(&timings));
        let shared = Timings {
            sessions: 2,
            ..timings
        };
        let lines_of_two = lines(&shared);
        assert!(lines_of_two.starts_with("Extraction 8.0 s on 2 threads in 2 sessions, batch 16:"));
        let cached = Timings {
            rows_cached: 9,
            ..Timings::default()
        };
        assert_eq!(lines(&cached), "");
    }
}
