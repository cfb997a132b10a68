import ConvoyRun

@testable import ConvoyRollout

/// A mistake in the protocol; the tests show that each is found.
enum ProtocolMutation: CaseIterable {
    /// A report counts although another worker has taken the work over.
    case acceptsOldAttempts
    /// Work is claimed although the lease of another worker is not over.
    case claimsWithLiveLease
    /// A worker decides without what the others have decided since.
    case decidesWithoutFolding
    /// The events of a turn are replayed one by one, as if each were a turn.
    case foldsEventByEvent
    /// A worker keeps what it decided in a transaction that was not committed.
    case keepsWhatWasNotCommitted
    /// After a lost acknowledgement the same facts are decided on again, whether or not they were committed.
    case reportsAgainWithoutLooking
    /// A worker renews claims that it never heard of, and does not give them back.
    case keepsOrphans
}

/// The control database of one run as a value: the turns of the run's events, what is to be done, and what operators ask for.
///
/// Each call is one transaction under the lock of the run's row, so interleavings are those of whole transactions.
struct ControlModel {
    /// Work that the rules asked for. Who may do what with it is all in here.
    struct Assignment {
        enum State {
            case waiting, claimed, done, withdrawn
        }

        let work: Work
        var state = State.waiting
        var worker: Int?
        /// How often it was claimed.
        var attempt = 0
        var leaseUntil = 0.0

        var isOpen: Bool { state == .waiting || state == .claimed }

        func canBeClaimed(at now: Double) -> Bool { state == .waiting || state == .claimed && leaseUntil < now }

        /// Whether that worker has it, and no other has taken it over since. The lease itself may be over.
        func belongs(to worker: Int, _ attempt: Int) -> Bool { state == .claimed && self.worker == worker && self.attempt == attempt }
    }

    /// What a worker holds: an assignment and which attempt its own is.
    struct Claim: Hashable {
        let assignment: Int
        let attempt: Int
    }

    /// How long a claim holds without a renewal, in seconds of the database's clock.
    static let lease = 15.0

    let mutation: ProtocolMutation?
    /// The clock of the database; workers have none.
    var clock = 0.0
    private(set) var turns: [[Event]] = []
    private(set) var assignments: [Assignment] = []
    private(set) var requests: [OperatorRequest.Kind] = []
    /// How many of these a decision has taken in.
    private(set) var served = 0
    /// By worker: its last decision that was committed, so that it can ask after one that it did not hear of.
    private(set) var lastDecisions: [Int: Int] = [:]

    init(mutation: ProtocolMutation? = nil) {
        self.mutation = mutation
    }

    var unserved: ArraySlice<OperatorRequest.Kind> { requests[served...] }

    mutating func ask(_ request: OperatorRequest.Kind) {
        requests.append(request)
    }

    // MARK: Claims

    mutating func claim(by worker: Int, most: Int) -> [Claim] {
        var claims: [Claim] = []
        for index in assignments.indices where claims.count < most {
            guard assignments[index].canBeClaimed(at: clock) || mutation == .claimsWithLiveLease && assignments[index].state == .claimed
            else {
                continue
            }
            assignments[index].state = .claimed
            assignments[index].worker = worker
            assignments[index].attempt += 1
            assignments[index].leaseUntil = clock + Self.lease
            claims.append(Claim(assignment: index, attempt: assignments[index].attempt))
        }
        return claims
    }

    /// Renews all claims of a worker.
    ///
    /// - Returns: those that hold.
    mutating func renewAll(of worker: Int) -> [Claim] {
        var claims: [Claim] = []
        for index in assignments.indices where assignments[index].state == .claimed && assignments[index].worker == worker {
            assignments[index].leaseUntil = clock + Self.lease
            claims.append(Claim(assignment: index, attempt: assignments[index].attempt))
        }
        return claims
    }

    /// A worker that drains gives back what it has not begun.
    mutating func giveBack(_ claim: Claim, by worker: Int) {
        guard assignments[claim.assignment].belongs(to: worker, claim.attempt) else { return }
        assignments[claim.assignment].state = .waiting
        assignments[claim.assignment].worker = nil
    }

    /// Whether a report of the claim counts.
    func accepts(_ claim: Claim, by worker: Int) -> Bool {
        let assignment = assignments[claim.assignment]
        switch mutation {
        case .acceptsOldAttempts: return assignment.state == .claimed
        case .reportsAgainWithoutLooking: return assignment.belongs(to: worker, claim.attempt) || assignment.state == .done
        default: return assignment.belongs(to: worker, claim.attempt)
        }
    }

    // MARK: Decisions

    /// Writes what a decision led to.
    ///
    /// - Parameters:
    ///   - ended: what the worker has reported the end of.
    ///   - count: the number of the decision among those of its worker.
    ///   - most: how much of what begins the worker takes at once.
    /// - Returns: what it took.
    mutating func record(_ turn: RunDecider.Turn, ending ended: [Claim], by worker: Int, count: Int, taking most: Int) -> [Claim] {
        served = requests.count
        lastDecisions[worker] = count
        if !turn.events.isEmpty { turns.append(turn.events) }
        for claim in ended { assignments[claim.assignment].state = .done }
        for work in turn.withdraws {
            for index in assignments.indices where assignments[index].work == work && assignments[index].isOpen {
                assignments[index].state = .withdrawn
            }
        }
        var claims: [Claim] = []
        for work in turn.begins {
            var assignment = Assignment(work: work)
            if claims.count < most {
                (assignment.state, assignment.worker, assignment.attempt) = (.claimed, worker, 1)
                assignment.leaseUntil = clock + Self.lease
                claims.append(Claim(assignment: assignments.count, attempt: 1))
            }
            assignments.append(assignment)
        }
        return claims
    }
}
