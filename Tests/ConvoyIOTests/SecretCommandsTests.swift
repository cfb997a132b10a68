import Synchronization
import TestSupport
import Testing

@testable import ConvoyIO

/// When programs are asked for secrets, and how often.
@Suite(.timeLimit(.minutes(1))) struct SecretCommandsTests {
    private static let alice = SecretReference(command: "vault", key: "alice")

    /// Stands in for the programs: counts the questions, and answers when the test wants it.
    private final class Vault: Sendable {
        private struct State {
            var asked: [String] = []
            var waiting: [(key: String, answer: OneShot<Result<Secret, SecretFailure>>)] = []
            var mostAtOnce = 0
        }

        private let state = Mutex(State())
        private let answersAtOnce: Bool

        init(answersAtOnce: Bool = true) {
            self.answersAtOnce = answersAtOnce
        }

        var asked: [String] { state.withLock(\.asked) }
        var waiting: Int { state.withLock(\.waiting.count) }
        var mostAtOnce: Int { state.withLock(\.mostAtOnce) }

        @Sendable func ask(_ command: SecretCommand, _ key: String) async -> Result<Secret, SecretFailure> {
            let answer = OneShot<Result<Secret, SecretFailure>>()
            let number = state.withLock { state in
                state.asked.append(key)
                if !answersAtOnce {
                    state.waiting.append((key, answer))
                    state.mostAtOnce = max(state.mostAtOnce, state.waiting.count)
                }
                return state.asked.count
            }
            if answersAtOnce { return .success(Secret("\(key)-\(number)")) }
            return await answer.value() ?? .failure(.cancelled)
        }

        /// Answers the question that waits longest.
        func answer(_ result: Result<Secret, SecretFailure>) {
            state.withLock { state in state.waiting.isEmpty ? nil : state.waiting.removeFirst() }?.answer.fulfil(result)
        }

        func answer(_ secret: String) { answer(.success(Secret(secret))) }
    }

    private func commands(_ vault: Vault, ttl: Duration = .seconds(60), clock: ManualClock = ManualClock()) -> SecretCommands {
        let command = SecretCommand(name: "vault", program: "vault", arguments: [["", ""]], timeToLive: ttl)
        return SecretCommands([command], environment: [:], clock: clock, asking: vault.ask)
    }

    private func secret(_ commands: SecretCommands, _ key: String = "alice") async throws -> String {
        try await commands.answer(to: SecretReference(command: "vault", key: key)).secret.reveal()
    }

    @Test func aSecretIsKeptForItsTime() async throws {
        let (vault, clock) = (Vault(), ManualClock())
        let commands = commands(vault, clock: clock)
        #expect(try await secret(commands) == "alice-1")
        clock.advance(to: .milliseconds(59_999))
        #expect(try await secret(commands) == "alice-1")
        #expect(try await secret(commands, "bob") == "bob-2")
        clock.advance(to: .seconds(60))
        #expect(try await secret(commands) == "alice-3")
        #expect(try await secret(commands, "bob") == "bob-2")
        #expect(vault.asked == ["alice", "bob", "alice"])
    }

    @Test func withoutATimeItIsAskedEachTime() async throws {
        let vault = Vault()
        let commands = commands(vault, ttl: .zero)
        for number in 1...3 { #expect(try await secret(commands) == "alice-\(number)") }
    }

    @Test func manyTasksAskOnce() async throws {
        let vault = Vault(answersAtOnce: false)
        let commands = commands(vault)
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<200 { group.addTask { try await self.secret(commands) } }
            try await eventually("the question is asked") { vault.waiting == 1 }
            vault.answer("hunter2")
            for try await secret in group { #expect(secret == "hunter2") }
        }
        #expect(vault.asked == ["alice"])
    }

    @Test func onlyAFewProgramsRunAtATime() async throws {
        let vault = Vault(answersAtOnce: false)
        let commands = commands(vault)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<50 { group.addTask { _ = try await self.secret(commands, "key-\(number)") } }
            for _ in 0..<50 {
                try await eventually("a question is asked") { vault.waiting > 0 }
                vault.answer("hunter2")
            }
            try await group.waitForAll()
        }
        #expect(vault.asked.count == 50)
        #expect(vault.mostAtOnce <= SecretCommands.programsAtOnce)
    }

    @Test func aRefusedSecretIsAskedAnew() async throws {
        let vault = Vault()
        let commands = commands(vault)
        let first = try await commands.answer(to: Self.alice)
        let second = try await commands.answer(to: Self.alice, insteadOf: first)
        #expect((first.secret.reveal(), second.secret.reveal()) == ("alice-1", "alice-2"))
        // Another task had the first one, too; what is known now is newer.
        #expect(try await commands.answer(to: Self.alice, insteadOf: first) == second)
        #expect(vault.asked.count == 2)
    }

    /// The program that runs already may have read what the server no longer takes.
    @Test func aRefusalDoesNotTrustAProgramThatWasRunningBefore() async throws {
        let (vault, clock) = (Vault(answersAtOnce: false), ManualClock())
        let commands = commands(vault, clock: clock)
        async let known = commands.answer(to: Self.alice)
        try await eventually("the first question") { vault.waiting == 1 }
        vault.answer("old")
        let old = try await known
        clock.advance(to: .seconds(60))
        async let expired = commands.answer(to: Self.alice)
        try await eventually("the second question") { vault.waiting == 1 }
        async let again = commands.answer(to: Self.alice, insteadOf: old)
        vault.answer("old")
        #expect(try await expired.secret.reveal() == "old")
        try await eventually("the third question") { vault.waiting == 1 }
        vault.answer("new")
        #expect(try await again.secret.reveal() == "new")
    }

    @Test func aFailureIsNotKept() async throws {
        let vault = Vault(answersAtOnce: false)
        let commands = commands(vault)
        let first = Task { try await self.secret(commands) }
        try await eventually("the first question") { vault.waiting == 1 }
        vault.answer(.failure(SecretFailure("sealed")))
        let failure = await #expect(throws: SecretFailure.self) { try await first.value }
        #expect(failure == SecretFailure("sealed"))
        async let second = secret(commands)
        try await eventually("the second question") { vault.waiting == 1 }
        vault.answer("hunter2")
        #expect(try await second == "hunter2")
    }

    @Test func aCancelledTaskLeavesTheOthersTheirAnswer() async throws {
        let vault = Vault(answersAtOnce: false)
        let commands = commands(vault)
        let first = Task { try await self.secret(commands) }
        let second = Task { try await self.secret(commands) }
        try await eventually("the question") { vault.waiting == 1 }
        first.cancel()
        let failure = await #expect(throws: SecretFailure.self) { try await first.value }
        #expect(failure?.isCancellation == true)
        vault.answer("hunter2")
        #expect(try await second.value == "hunter2")
    }

    @Test func theLastCancelledTaskEndsTheProgram() async throws {
        let vault = Vault(answersAtOnce: false)
        let commands = commands(vault)
        let tasks = (0..<3).map { _ in Task { try await self.secret(commands) } }
        try await eventually("the question") { vault.waiting == 1 }
        for task in tasks { task.cancel() }
        for task in tasks { _ = await #expect(throws: SecretFailure.self) { try await task.value } }
        async let next = secret(commands)
        try await eventually("the next question") { vault.asked.count == 2 }
        vault.answer("of the one that was ended")
        vault.answer("hunter2")
        #expect(try await next == "hunter2")
    }

    @Test func anUnknownCommandIsAFailure() async {
        let commands = commands(Vault())
        let failure = await #expect(throws: SecretFailure.self) {
            try await commands.answer(to: SecretReference(command: "sops", key: "x"))
        }
        #expect(failure?.description == "the fleet file has no secret command “sops”")
    }

    // MARK: Masks

    @Test func whatWasGivenIsMasked() async throws {
        let commands = commands(Vault(), ttl: .zero)
        let mask = SecretMask(["known-1"], late: commands.lateMask { _ in true })
        let words = SecretMask([], late: commands.lateMask { $0 != "alice-1" })
        var stream = SecretMask.Stream(mask)
        #expect(mask.masked("known-1 alice-1") == "••• alice-1")
        #expect(String(decoding: stream.add(Array("alice-1 ".utf8)), as: UTF8.self) == "alice-1 ")
        _ = try await secret(commands)
        #expect(mask.masked("known-1 alice-1") == "••• •••")
        #expect(mask.adding(["more"]).masked("more alice-1") == "••• •••")
        #expect(words.masked("alice-1") == "alice-1")
        // A stream that began before learns it, too.
        #expect(String(decoding: stream.add(Array("alice-".utf8)) + stream.add(Array("1!".utf8)), as: UTF8.self) == "•••!")
        // A mask that is made afterwards knows it from the start.
        #expect(SecretMask([], late: commands.lateMask { _ in true }).masked("alice-1") == "•••")
        // The longer one is not given away by the shorter one in it.
        #expect(SecretMask(["alice"], late: commands.lateMask { _ in true }).masked("alice-1 alice") == "••• •••")
    }

    @Test func onlyTheNewestOnesAreKept() async throws {
        let commands = commands(Vault(), ttl: .zero)
        let mask = SecretMask([], late: commands.lateMask { _ in true })
        for _ in 1...10 { _ = try await secret(commands) }
        #expect(mask.masked("alice-10 alice-9 alice-8 alice-7") == "••• ••• ••• •••")
        #expect(mask.masked("alice-2") == "alice-2")
    }

    @Test func aValueOfSeveralPartsIsPutTogether() async throws {
        let commands = commands(Vault())
        let late = LateSecret(
            [.text(Secret("a:")), .reference(Self.alice), .text(Secret(":")), .reference(Self.alice)],
            commands: commands
        )
        let value = try await late.value()
        #expect(value.secret.reveal() == "a:alice-1:alice-1")
        #expect(try await late.value(insteadOf: value).secret.reveal() == "a:alice-2:alice-2")
        #expect("\(late) \(String(reflecting: late))".contains("a:") == false)
        var dumped = ""
        dump(late, to: &dumped)
        #expect(!dumped.contains("a:"))
    }
}
