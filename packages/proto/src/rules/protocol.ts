/**
 * Raised when an old agent and a new manager could not understand each other, and when tasks can ask of agents what those of the
 * release before leave out. Managers are upgraded first, and speak the protocol of the release before, too.
 *
 * 5: files of secrets and configs, checks for readiness and of canaries, options of a network's endpoints.
 */
export const protocolVersion = 5;
/** The oldest that managers speak. */
export const oldestProtocol = 4;
