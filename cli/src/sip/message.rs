//! A SIP message (RFC 3261), as far as it says who sends which SDP in which
//! call.

/// What is needed of a SIP message.
///
/// ```
/// use callseal::sip::Message;
///
/// let answer = "SIP/2.0 200 OK\r\nf: <sip:a@x>;tag=1\r\nt: \"Bob\" <sip:bob@y>;tag=2\r\n\
///     i: call\r\n\r\nv=0\r\n";
/// let message = Message::parse(answer.as_bytes()).expect("a SIP message");
/// assert_eq!((message.call_id, message.party, message.user), ("call", "2", "bob"));
/// assert_eq!(message.body, "v=0\r\n");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The call.
    pub call_id: &'a str,
    /// The tag of who sends the message, which names a party of the call;
    /// empty where it has none yet.
    pub party: &'a str,
    /// Who sends it: the part of its URI before the '@'.
    pub user: &'a str,
    /// What follows the head.
    pub body: &'a str,
}

impl<'a> Message<'a> {
    /// Reads a message; `None` where it is none.
    pub fn parse(octets: &'a [u8]) -> Option<Self> {
        if !begins_as_sip(octets) {
            return None;
        }
        // What is no text is cut off; SDP is ASCII but for names.
        let text = match std::str::from_utf8(octets) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&octets[..error.valid_up_to()]).ok()?,
        };
        let (head, body) = split_head(text)?;
        let mut lines = head.lines();
        let is_response = lines.next()?.starts_with("SIP/2.0 ");
        let mut message = Self {
            call_id: "",
            party: "",
            user: "",
            body,
        };
        for line in lines {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let name = name.trim();
            let is = |long: &str, short: &str| {
                name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short)
            };
            let is_sender = match is_response {
                true => is("To", "t"),
                false => is("From", "f"),
            };
            if is("Call-ID", "i") {
                message.call_id = value.trim();
            } else if is_sender {
                message.party = tag_of(value);
                message.user = user_of(value);
            }
        }
        Some(message)
    }
}

/// Whether octets begin as a request or a response does.
pub fn begins_as_sip(octets: &[u8]) -> bool {
    if octets.starts_with(b"SIP/2.0 ") {
        return true;
    }
    if !octets.first().is_some_and(u8::is_ascii_uppercase) {
        return false;
    }
    let line = octets.split(|octet| *octet == b'\n').next().unwrap_or(&[]);
    line.trim_ascii_end().ends_with(b" SIP/2.0")
}

/// How long the message at the beginning of `octets` is; `None` where its head
/// is not whole yet.
pub(super) fn len_of(octets: &[u8]) -> Option<usize> {
    let end = octets.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&octets[..end]);
    let content_len = head.lines().skip(1).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let name = name.trim();
        let is_len = name.eq_ignore_ascii_case("Content-Length") || name.eq_ignore_ascii_case("l");
        is_len.then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    (end + 4).checked_add(content_len.unwrap_or(0))
}

fn split_head(text: &str) -> Option<(&str, &str)> {
    text.split_once("\r\n\r\n")
        .or_else(|| text.split_once("\n\n"))
}

/// The tag of a From or To: behind the URI's '>', if there is one.
fn tag_of(value: &str) -> &str {
    let parameters = value.rsplit_once('>').map_or(value, |(_, behind)| behind);
    let mut parameters = parameters.split(';').skip(1).map(str::trim);
    let tag = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("tag")
            .then_some(value.trim())
    });
    tag.unwrap_or("")
}

fn user_of(value: &str) -> &str {
    let uri = match (value.find('<'), value.find('>')) {
        (Some(open), Some(close)) if open < close => &value[open + 1..close],
        _ => value.split(';').next().unwrap_or(value).trim(),
    };
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    rest.split(['@', ';', ':', '?']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_its_from_sides_and_a_response_its_to_sides() {
        let head =
            "From: \"A; <x>\" <sip:a@h;p=1>;x=y;tag=1\r\nTo: sip:b@h;tag=2\r\nCall-ID: c\r\n";
        let request = format!("INVITE sip:b@h SIP/2.0\r\n{head}\r\nv=0\r\n");
        let message = Message::parse(request.as_bytes()).unwrap();
        assert_eq!((message.party, message.call_id), ("1", "c"));
        let response = format!("SIP/2.0 183 Progress\r\n{head}\r\nv=0\r\n");
        let message = Message::parse(response.as_bytes()).unwrap();
        assert_eq!((message.party, message.user), ("2", "b"));
    }

    #[test]
    fn what_only_looks_like_sip_is_none() {
        for octets in [
            &b""[..],
            b"GET / HTTP/1.1\r\n\r\n",
            b"SIP/2.0 200 OK\r\nno end of the head",
            b"INVITE sip:b@h SIP/2.0",
            &[0x80, 0, 0, 1],
        ] {
            assert_eq!(Message::parse(octets), None);
        }
    }

    #[test]
    fn a_messages_length_is_its_head_and_what_that_says() {
        assert_eq!(len_of(b"SIP/2.0 200 OK\r\nl: 3\r\n\r\nabcSIP"), Some(27));
        assert_eq!(len_of(b"SIP/2.0 200 OK\r\nl: 3\r\n"), None);
        assert_eq!(
            len_of(b"A\r\nContent-Length: 99999999999999999999\r\n\r\n"),
            Some(43)
        );
    }
}
