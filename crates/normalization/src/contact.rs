//! E-mail addresses and phone numbers become keyed hashes on their way in; ids that hold one do too.

use model::Node;

use crate::personal;

/// Turns contacts into nodes that nobody without the key can guess back.
#[derive(Clone)]
pub(crate) struct Contacts {
    key: [u8; 32],
}

impl Contacts {
    /// Hashes with the workspace's key.
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The contact of an e-mail address, compared without case and surrounding space; none where it is no address.
    pub(crate) fn email(&self, text: &str) -> Option<Node> {
        let normal = text.trim().to_lowercase();
        let lone = personal::masked(&normal) == "<e-mail>";
        lone.then(|| Node::contact(&self.hash("email", &normal.replace("%40", "@"))))
    }

    /// The contact of a phone number by its digits, an international prefix `00` read as `+`; none below 7 digits.
    ///
    /// A number without a country prefix is another contact than the same one with it: no country is guessed.
    pub(crate) fn phone(&self, text: &str) -> Option<Node> {
        let text = text.trim();
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let written_as_phone = text.chars().all(|c| c.is_ascii_digit() || "+-()./ \u{a0}".contains(c));
        if !written_as_phone || !(7..=17).contains(&digits.len()) {
            return None;
        }
        let international = digits.strip_prefix("00").or(text.starts_with('+').then_some(&digits));
        let normal = international.map_or_else(|| digits.clone(), |number| format!("+{number}"));
        Some(Node::contact(&self.hash("phone", &normal)))
    }

    /// The node of a user id; one that is an e-mail address or a phone number with `+` is a contact.
    pub(crate) fn user(&self, id: &str) -> Node {
        let phone = || id.trim().starts_with('+').then(|| self.phone(id)).flatten();
        self.email(id).or_else(phone).unwrap_or_else(|| Node::user(&self.id(id)))
    }

    /// An id as facts keep it: itself, or its keyed hash where it holds an e-mail address.
    pub(crate) fn id(&self, id: &str) -> String {
        if personal::holds_email(id) { self.hash("id", id) } else { id.to_owned() }
    }

    fn hash(&self, kind: &str, text: &str) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(kind.as_bytes()).update(b":").update(text.as_bytes());
        hasher.finalize().to_hex().chars().take(32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_in_many_spellings_is_one_contact_of_one_workspace() {
        let contacts = Contacts::new([7; 32]);
        assert_eq!(contacts.email(" Ana@Example.com "), contacts.email("ana@example.com"));
        assert_eq!(contacts.phone("+49 (170) 123-4567"), contacts.phone("00491701234567"));
        assert_ne!(contacts.phone("01701234567"), contacts.phone("+491701234567"));
        assert_ne!(contacts.email("ana@example.com"), Contacts::new([8; 32]).email("ana@example.com"));
        assert_eq!([contacts.email("ana"), contacts.email("a b@c.de"), contacts.phone("12 345")], [None, None, None]);
    }

    #[test]
    fn a_user_id_that_is_a_contact_is_that_contact() {
        let contacts = Contacts::new([7; 32]);
        assert_eq!(Some(contacts.user("ANA@example.com")), contacts.email("ana@example.com"));
        assert_eq!(Some(contacts.user("+491701234567")), contacts.phone("+491701234567"));
        assert_eq!(contacts.user("1701234567"), Node::user("1701234567"));
        assert!(!contacts.user("shop|ana@example.com").id.contains("ana"));
    }
}
