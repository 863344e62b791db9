//! Which events are touches.

use journey::{Touch, touches};
use model::UtcMillis;

/// An event at `at` in `session`, with a campaign and a click id (0: none).
fn event(at: i64, session: u32, campaign: u32, click_id: u32) -> Touch {
    let code = |code: u32| (code > 0).then_some(code);
    Touch {
        at: UtcMillis(at),
        key: at as u128,
        session,
        source: code(campaign),
        campaign: code(campaign),
        channel: 0,
        direct: campaign == 0 && click_id == 0,
        click_id: code(click_id),
    }
}

fn instants(events: &[Touch]) -> Vec<i64> {
    touches(events).iter().map(|touch| touch.at.0).collect()
}

#[test]
fn a_session_start_is_a_touch_even_where_it_is_direct() {
    let found = touches(&[event(1, 0, 0, 0), event(2, 0, 0, 0), event(3, 1, 7, 0)]);
    assert_eq!(found.iter().map(|touch| (touch.at.0, touch.direct)).collect::<Vec<_>>(), [(1, true), (3, false)]);
}

#[test]
fn a_campaign_is_a_touch_where_it_is_new_within_its_session() {
    let events = [
        event(1, 0, 0, 0),
        event(2, 0, 7, 0),
        event(3, 0, 8, 0),
        event(4, 0, 7, 0),
        event(5, 1, 0, 0),
        event(6, 1, 7, 0),
    ];
    assert_eq!(instants(&events), [1, 2, 3, 5, 6]);
}

#[test]
fn one_click_id_is_one_touch_even_where_a_later_session_starts_with_it() {
    let events = [event(1, 0, 7, 9), event(2, 0, 7, 9), event(3, 1, 7, 9), event(4, 1, 0, 0), event(5, 1, 7, 10)];
    assert_eq!(instants(&events), [1, 5]);
}

#[test]
fn sessions_of_two_devices_may_overlap() {
    let events = [event(1, 0, 7, 0), event(2, 1, 7, 0), event(3, 0, 7, 0), event(4, 1, 8, 0)];
    assert_eq!(instants(&events), [1, 2, 4]);
}
