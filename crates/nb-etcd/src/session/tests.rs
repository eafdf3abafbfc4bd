use super::*;

#[test]
fn errors_of_the_member_lead_elsewhere_and_errors_of_the_request_do_not() {
    for error in EtcdError::ALL {
        let verdict = judge(&Status::from(*error));
        let is_of_member = error.code() == Code::Unavailable
            || matches!(error, EtcdError::TooManyRequests | EtcdError::NotLeader);
        assert_eq!(matches!(verdict, Verdict::Elsewhere), is_of_member, "{error:?}: {verdict:?}");
    }
}

#[test]
fn what_the_network_does_leads_elsewhere() {
    for code in [Code::Unavailable, Code::Unknown, Code::Cancelled, Code::DeadlineExceeded, Code::Internal] {
        assert!(matches!(judge(&Status::new(code, "broken pipe")), Verdict::Elsewhere), "{code:?}");
    }
    for code in [Code::Unimplemented, Code::InvalidArgument, Code::DataLoss] {
        assert!(matches!(
            judge(&Status::new(code, "never heard of it")),
            Verdict::Final(Failure::Store(StoreError::Damaged { .. }))
        ));
    }
}

#[test]
fn an_expired_token_is_renewed_and_a_wrong_password_is_not() {
    assert!(matches!(judge(&EtcdError::InvalidAuthToken.into()), Verdict::LogInAgain));
    let denied = judge(&EtcdError::AuthFailed.into());
    assert!(matches!(denied, Verdict::Final(Failure::Store(StoreError::Denied { .. }))));
}

#[test]
fn pauses_grow_to_their_limit_and_begin_again() {
    let max = Duration::from_millis(300);
    let mut backoff = Backoff::new(max);
    let pauses: Vec<Duration> = (0..6).map(|_| backoff.next_pause()).collect();
    for (pause, full_ms) in pauses.iter().zip([50, 100, 200, 300, 300, 300]) {
        let full = Duration::from_millis(full_ms);
        assert!(*pause >= full / 2 && *pause <= full, "{pauses:?}");
    }
    backoff.reset();
    assert!(backoff.next_pause() <= BACKOFF_MIN);
}
