import ConvoyFleet
internal import ConvoyMigrations
import ConvoyRun
package import ConvoyText

extension RunBrowser {
    /// How much of a filter can be typed.
    private static let filterLimit = 200

    /// Does what a key asks.
    ///
    /// - Returns: what the program has to do about it; nil if there is nothing besides drawing.
    package mutating func press(_ key: Key) -> Effect? {
        switch key {
        case .control("c"): return .quit
        case .control("z"): return .suspend
        case .control("l"): return .redraw
        default: break
        }
        message = nil
        switch prompt {
        case .filter(let typed, let before): edit(typed, before: before, key)
        case .confirm(let action): return answer(action, key)
        case nil: return command(key)
        }
        return nil
    }

    // MARK: Prompts

    private mutating func edit(_ typed: String, before: BrowserFilter, _ key: Key) {
        var typed = typed
        switch key {
        case .character(let character): typed.append(character)
        case .paste(let text): typed += text
        case .backspace: if !typed.isEmpty { typed.removeLast() }
        case .control("u"), .control("w"): typed = ""
        case .enter:
            prompt = nil
            return
        case .escape:
            prompt = nil
            filter(before)
            return
        // The list stays in reach while the filter is typed.
        case .up, .down, .pageUp, .pageDown: return move(key)
        default: return
        }
        typed = String(typed.prefix(Self.filterLimit))
        prompt = .filter(typed, before: before)
        filter(BrowserFilter(typed))
    }

    private mutating func filter(_ filter: BrowserFilter) {
        rows.set(filter)
        followSelection()
    }

    private mutating func answer(_ action: Action, _ key: Key) -> Effect? {
        prompt = nil
        guard key == .character("y") || key == .character("Y") else {
            show("not confirmed; nothing was requested")
            return nil
        }
        show("requested")
        return .act(action)
    }

    // MARK: Commands

    private mutating func command(_ key: Key) -> Effect? {
        switch key {
        case .character("q"): return .quit
        case .character("a"), .character("p"), .character("x"): ask(key)
        default:
            switch screen {
            case .list: return listCommand(key)
            case .waves: wavesCommand(key)
            case .instance: instanceCommand(key)
            case .migration: migrationCommand(key)
            }
        }
        return nil
    }

    private mutating func listCommand(_ key: Key) -> Effect? {
        switch key {
        case .character("/"): prompt = .filter(rows.filter.text, before: rows.filter)
        case .escape: filter(BrowserFilter(""))
        case .character("s"):
            let orders = BrowserRows.Order.allCases
            let next = (orders.firstIndex(of: rows.order) ?? 0) + 1
            rows.set(orders[next % orders.count], isReversed: rows.isReversed)
            followSelection()
        case .character("r"):
            rows.set(rows.order, isReversed: !rows.isReversed)
            followSelection()
        case .character("w"): screen = .waves
        case .enter, .right:
            guard let row = selectedRow else { return nil }
            screen = .instance
            (openedInstance, opened) = (row.name, nil)
            (migrations, text) = (BrowserCursor(), BrowserCursor())
            return .read
        default: move(key)
        }
        return nil
    }

    private mutating func move(_ key: Key) {
        if list.move(key, count: rows.shown.count, height: listHeight) { select() }
    }

    private mutating func wavesCommand(_ key: Key) {
        switch key {
        case .escape, .left, .backspace, .character("w"): screen = .list
        case .enter, .right:
            guard let wave = head?.waves.dropFirst(waves.position).first else { return }
            screen = .list
            filter(BrowserFilter("wave=\(Selector.quoted(wave.name))"))
        default: _ = waves.move(key, count: head?.waves.count ?? 0, height: wavesHeight)
        }
    }

    private mutating func instanceCommand(_ key: Key) {
        switch key {
        case .escape, .left, .backspace:
            screen = .list
            (openedInstance, opened) = (nil, nil)
        case .enter, .right:
            guard !entries.isEmpty else { return }
            screen = .migration
            text = BrowserCursor()
        default: _ = migrations.move(key, count: entries.count, height: migrationsHeight)
        }
    }

    private mutating func migrationCommand(_ key: Key) {
        switch key {
        case .escape, .left, .backspace: screen = .instance
        // Here a line is not selected: the text moves as a whole.
        default: text.scroll(key, count: migrationText.count, height: textHeight)
        }
    }

    // MARK: Actions

    /// Asks whether the run is to be asked for something.
    private mutating func ask(_ key: Key) {
        guard allowsActions else { return show("read-only: start convoy top with --allow-actions to act on the run") }
        guard isActive, let head else { return show("the run is not active") }
        switch key {
        case .character("a"):
            guard let gate = head.gate else { return show("the run is not waiting at a gate") }
            prompt = .confirm(.approve(wave: gate.wave))
        case .character("p"):
            let name = screen == .list ? selectedRow?.name : openedInstance
            guard let server = name.flatMap({ facts.places[$0]?.server }), screen != .waves else {
                return show("select an instance on the server first")
            }
            prompt = .confirm(head.pausedServers[server] == nil ? .pause(server: server) : .resume(server: server))
        default: prompt = .confirm(.stop(isSecond: head.isStopping || head.isCancelling))
        }
    }
}

extension RunBrowser.Action {
    /// What is asked before it is done.
    var question: String {
        switch self {
        case .approve(let wave): "approve the gate of wave \(wave.visible)?"
        case .pause(let server): "pause server \(server.visible), so that no new instances start there?"
        case .resume(let server): "resume server \(server.visible)?"
        case .stop(isSecond: false): "stop the run: instances in progress finish, and nothing new starts?"
        case .stop(isSecond: true): "cancel the migrations in progress and roll them back?"
        }
    }
}
