//! Streams taken apart: bytes to lines, lines to server-sent events.

/// A line at most; longer ones are no answer.
const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Why a stream can't be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A line passes the limit.
    LongLine,
    /// A line isn't UTF-8.
    NotUtf8,
}

/// Splits a stream at `\n` and `\r\n`, and nowhere else: U+2028 stands raw inside streamed JSON.
#[derive(Default)]
pub(crate) struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// Takes bytes and hands on each line that is complete, without its end.
    pub fn feed<E: From<Fault>>(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
            let (head, tail) = (&bytes[..at], &bytes[at + 1..]);
            bytes = tail;
            if self.partial.is_empty() {
                each(text(head)?)?;
            } else {
                self.extend(head)?;
                let line = std::mem::take(&mut self.partial);
                each(text(&line)?)?;
                self.partial = line;
                self.partial.clear();
            }
        }
        self.extend(bytes).map_err(E::from)
    }

    /// Hands on what is left at the end of the stream as its last line.
    pub fn finish<E: From<Fault>>(self, each: impl FnOnce(&str) -> Result<(), E>) -> Result<(), E> {
        if self.partial.is_empty() { Ok(()) } else { each(text(&self.partial)?) }
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.partial.len() + bytes.len() > LINE_BYTES_MAX {
            return Err(Fault::LongLine);
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }
}

fn text(line: &[u8]) -> Result<&str, Fault> {
    if line.len() > LINE_BYTES_MAX {
        return Err(Fault::LongLine);
    }
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    std::str::from_utf8(line).map_err(|_| Fault::NotUtf8)
}

/// Puts the lines of a stream together to server-sent events.
#[derive(Default)]
pub(crate) struct Events {
    data: String,
    has_data: bool,
    started: bool,
}

impl Events {
    /// Takes a line; at the end of an event hands on its data.
    pub fn line<E: From<Fault>>(
        &mut self,
        line: &str,
        event: impl FnOnce(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        let line = if self.started { line } else { line.strip_prefix('\u{feff}').unwrap_or(line) };
        self.started = true;
        if line.is_empty() {
            return self.dispatch(event);
        }
        // Names, ids and retry times of events don't matter to any of the wires; comments keep connections alive.
        let Some(data) = line.strip_prefix("data:") else { return Ok(()) };
        let data = data.strip_prefix(' ').unwrap_or(data);
        if self.data.len() + data.len() > LINE_BYTES_MAX {
            return Err(Fault::LongLine.into());
        }
        if self.has_data {
            self.data.push('\n');
        }
        self.data.push_str(data);
        self.has_data = true;
        Ok(())
    }

    /// Hands on an event that the stream ended without closing; some servers leave out the last empty line.
    pub fn dispatch<E>(&mut self, event: impl FnOnce(&str) -> Result<(), E>) -> Result<(), E> {
        if !std::mem::take(&mut self.has_data) {
            return Ok(());
        }
        let data = std::mem::take(&mut self.data);
        event(&data)?;
        self.data = data;
        self.data.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pieces: &[&[u8]]) -> Result<Vec<String>, Fault> {
        let (mut lines, mut events, mut out) = (Lines::default(), Events::default(), Vec::new());
        for piece in pieces {
            lines.feed(piece, |line| {
                events.line(line, |data| {
                    out.push(data.to_owned());
                    Ok::<(), Fault>(())
                })
            })?;
        }
        Ok(out)
    }

    #[test]
    fn only_line_feeds_end_lines() {
        let stream = "data: a\u{2028}b\u{85}c\rd\r\n\r\n: ping\r\ndata:x\ndata: y\n\nid: 3\n\n";
        let expected = vec![String::from("a\u{2028}b\u{85}c\rd"), String::from("x\ny")];
        assert_eq!(events(&[stream.as_bytes()]).unwrap(), expected);
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(events(&bytes).unwrap(), expected);
    }

    #[test]
    fn a_mark_at_the_start_is_no_text() {
        assert_eq!(events(&["\u{feff}data: 1\n\n".as_bytes()]).unwrap(), ["1"]);
    }

    #[test]
    fn what_is_no_text_or_has_no_end_is_refused() {
        assert_eq!(events(&[b"data: \xff\n\n"]), Err(Fault::NotUtf8));
        let long = vec![b'x'; LINE_BYTES_MAX / 2 + 1];
        assert_eq!(events(&[&long, &long]), Err(Fault::LongLine));
        let mut line = b"data: ".to_vec();
        line.extend(vec![b'x'; LINE_BYTES_MAX / 2]);
        line.push(b'\n');
        assert_eq!(events(&[&line, &line, &line]), Err(Fault::LongLine));
    }
}
