import ConvoyText

extension Browser {
    /// A key that has no character of its own, or one that buttons obey.
    public enum Key: String, Sendable {
        case tab = "Tab"
        case enter = "Enter"
        case space = " "
        case escape = "Escape"
        case end = "End"
        case home = "Home"
        case left = "ArrowLeft"
        case up = "ArrowUp"
        case right = "ArrowRight"
        case down = "ArrowDown"

        /// The number that Windows gives the key, by which Chromium knows it too.
        fileprivate var code: Int {
            switch self {
            case .tab: 9
            case .enter: 13
            case .escape: 27
            case .space: 32
            case .end: 35
            case .home: 36
            case .left: 37
            case .up: 38
            case .right: 39
            case .down: 40
            }
        }

        fileprivate var text: String? {
            switch self {
            case .enter: "\r"
            case .space: " "
            default: nil
            }
        }
    }

    /// Clicks with the mouse on the middle of the first element that a CSS selector finds, after scrolling to it.
    ///
    /// A page may move between the look at it and the click, or replace the element. What another element would get is kept from the page, and the
    /// click is made again.
    public func click(_ selector: String, fileID: String = #fileID, line: Int = #line) async throws {
        try await eventually("a click reaches \(selector)", within: .seconds(20), fileID: fileID, line: line) {
            let middle: [Double] = try await value(
                """
                ((target) => {
                  const aim = { isHit: false };
                  window.convoyAim?.end();
                  const look = (event) => {
                    const isHit = event.composedPath().includes(target);
                    if (!isHit) { event.stopImmediatePropagation(); event.preventDefault(); }
                    else if (event.type === "click") aim.isHit = true;
                  };
                  const types = ["pointerdown", "mousedown", "pointerup", "mouseup", "click"];
                  aim.end = () => { for (const type of types) window.removeEventListener(type, look, true); };
                  for (const type of types) window.addEventListener(type, look, true);
                  window.convoyAim = aim;
                  target.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
                  const box = target.getBoundingClientRect();
                  return [box.x + box.width / 2, box.y + box.height / 2];
                })(\(Self.element(selector)))
                """
            )
            for type in ["mouseMoved", "mousePressed", "mouseReleased"] {
                try await command(
                    "Input.dispatchMouseEvent",
                    [
                        "type": .string(type), "x": .seconds(middle[0]), "y": .seconds(middle[1]),
                        "button": .string(type == "mouseMoved" ? "none" : "left"), "clickCount": .integer(type == "mouseMoved" ? 0 : 1),
                    ]
                )
            }
            // Without scripts there are no listeners, and nothing that moves. A page that the click has left for another one has no aim any more.
            guard runsScripts else { return true }
            return try await value("((aim) => { aim?.end(); return aim?.isHit ?? true; })(window.convoyAim)")
        }
    }

    /// Types into the first element that a CSS selector finds, after what stands there.
    public func type(_ text: String, into selector: String) async throws {
        try await run("\(Self.element(selector)).focus()")
        try await command("Input.insertText", ["text": .string(text)])
    }

    /// Presses and releases keys, whatever has the focus.
    public func press(_ keys: Key...) async throws {
        for key in keys {
            for type in [key.text == nil ? "rawKeyDown" : "keyDown", "keyUp"] {
                try await command(
                    "Input.dispatchKeyEvent",
                    [
                        "type": .string(type), "key": .string(key.rawValue), "code": .string(key == .space ? "Space" : key.rawValue),
                        "windowsVirtualKeyCode": .integer(key.code), "text": .string(type == "keyDown" ? key.text ?? "" : ""),
                    ]
                )
            }
        }
    }
}
