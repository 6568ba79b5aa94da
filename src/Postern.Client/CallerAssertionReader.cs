using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Client;

/// <summary>
/// Verifies assertions: signature, type, audience, time, and that they belong where they were found. Thread-safe; one for the process, since it keeps the gate's keys.
/// Call it from an activity or a local activity, whose result the history keeps: what workflow code itself does must come out the same on replay.
/// </summary>
public sealed class CallerAssertionReader
{
    /// <summary>The key under which the gate writes the assertion in <c>header.fields</c>.</summary>
    public const string HeaderKey = "postern-caller";

    private const string TokenType = "postern-caller+jwt";
    private const string Audience = "postern-caller";
    private const int LongestToken = 64 * 1024;

    private readonly CallerAssertionOptions _options;
    private readonly CallerKeys _keys;
    private readonly TimeProvider _time;
    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false, MaximumTokenSizeInBytes = LongestToken };

    /// <summary>A reader for one gate.</summary>
    /// <param name="http">Fetches the key set; its timeout counts.</param>
    /// <param name="options">Where assertions come from, and how they are judged.</param>
    /// <param name="time">The clock. Default: the system's.</param>
    public CallerAssertionReader(HttpClient http, CallerAssertionOptions options, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(http);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.ClockSkew, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.FetchAtMostEvery, TimeSpan.Zero);
        _options = options;
        _time = time ?? TimeProvider.System;
        _keys = new CallerKeys(http, options, _time);
    }

    /// <summary>Verifies the data of the payload under <see cref="HeaderKey"/>.</summary>
    /// <param name="payload">The payload's data: the token as a JSON string.</param>
    /// <param name="binding">Where it was found.</param>
    /// <param name="cancellation">Ends the wait for the key set.</param>
    /// <exception cref="CallerAssertionException">It proves nothing.</exception>
    /// <exception cref="CallerKeysUnavailableException">It can't be told at the moment.</exception>
    public ValueTask<VerifiedCaller> VerifyAsync(ReadOnlyMemory<byte> payload, CallerBinding binding, CancellationToken cancellation = default)
    {
        try
        {
            return VerifyAsync(JsonSerializer.Deserialize<string>(payload.Span) ?? throw new CallerAssertionException("The header's payload is null."), binding, cancellation);
        }
        catch (JsonException e)
        {
            throw new CallerAssertionException("The header's payload is no JSON string.", e);
        }
    }

    /// <summary>Verifies a token.</summary>
    /// <param name="token">The compact token.</param>
    /// <param name="binding">Where it was found.</param>
    /// <param name="cancellation">Ends the wait for the key set.</param>
    /// <exception cref="CallerAssertionException">It proves nothing.</exception>
    /// <exception cref="CallerKeysUnavailableException">It can't be told at the moment.</exception>
    public async ValueTask<VerifiedCaller> VerifyAsync(string token, CallerBinding binding, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(token);
        ArgumentNullException.ThrowIfNull(binding);
        JsonWebToken parsed;
        try
        {
            parsed = token.Length <= LongestToken ? new JsonWebToken(token) : throw new CallerAssertionException("The token is too long.");
        }
        catch (Exception e) when (e is ArgumentException or JsonException)
        {
            throw new CallerAssertionException("It is no token.", e);
        }

        if (parsed.Typ != TokenType || parsed.Alg != SecurityAlgorithms.EcdsaSha256 || string.IsNullOrEmpty(parsed.Kid))
        {
            throw new CallerAssertionException("It is a token of another type.");
        }

        var key = await _keys.FindAsync(parsed.Kid, cancellation).ConfigureAwait(false) ?? throw new CallerAssertionException("It isn't signed by a key of the gate.");
        var result = await _handler.ValidateTokenAsync(parsed, new TokenValidationParameters
        {
            IssuerSigningKey = key,
            RequireSignedTokens = true,
            ValidAlgorithms = [SecurityAlgorithms.EcdsaSha256],
            ValidTypes = [TokenType],
            ValidAudience = Audience,
            ValidateIssuer = _options.Issuer is not null,
            ValidIssuer = _options.Issuer,
            // Not against the clock: against the time of the call.
            ValidateLifetime = false,
        }).ConfigureAwait(false);
        if (!result.IsValid)
        {
            throw new CallerAssertionException("Its signature, audience or issuer is not the gate's.", result.Exception);
        }

        var caller = Read(parsed);
        CheckTime(parsed, binding.At ?? _time.GetUtcNow());
        return caller with { IsInherited = IsInherited(caller, binding) };
    }

    private static VerifiedCaller Read(JsonWebToken token) => new()
    {
        Name = Text(token, "sub") ?? throw Missing("sub"),
        Kind = Text(token, "kind") ?? throw Missing("kind"),
        Actors = Actors(token),
        Method = Text(token, "method") ?? throw Missing("method"),
        Namespace = Text(token, "namespace") ?? throw Missing("namespace"),
        WorkflowId = Text(token, "workflow_id"),
        ScheduleId = Text(token, "schedule_id"),
        ActivityId = Text(token, "activity_id"),
        CallId = Text(token, "jti") ?? throw Missing("jti"),
        CalledAt = token.TryGetPayloadValue<long>("iat", out var issued) ? DateTimeOffset.FromUnixTimeSeconds(issued) : throw Missing("iat"),
    };

    private static string? Text(JsonWebToken token, string claim) => token.TryGetPayloadValue<string>(claim, out var value) ? value : null;

    private static List<string> Actors(JsonWebToken token)
    {
        var actors = new List<string>();
        if (token.TryGetPayloadValue<JsonElement>("act", out var actor))
        {
            for (var found = true; found; found = actor.TryGetProperty("act", out actor))
            {
                actors.Add(actor.GetProperty("sub").GetString()!);
            }
        }

        return actors;
    }

    private static CallerAssertionException Missing(string claim) => new($"It has no {claim}.");

    private void CheckTime(JsonWebToken token, DateTimeOffset at)
    {
        if (!token.TryGetPayloadValue<long>("exp", out var expires) || at > DateTimeOffset.FromUnixTimeSeconds(expires) + _options.ClockSkew)
        {
            throw new CallerAssertionException("It had expired when the call happened.");
        }

        if (at < DateTimeOffset.FromUnixTimeSeconds(token.GetPayloadValue<long>("iat")) - _options.ClockSkew)
        {
            throw new CallerAssertionException("It is younger than the call.");
        }
    }

    private static bool IsInherited(VerifiedCaller caller, CallerBinding binding)
    {
        if (caller.WorkflowId is null)
        {
            return binding.WorkflowId is null && binding.ActivityId is not null && caller.ActivityId == binding.ActivityId && caller.Namespace == binding.Namespace ? false : throw Elsewhere();
        }

        if (binding.WorkflowId is { } own && IsOf(caller, binding.Namespace, own))
        {
            return false;
        }

        return binding.Ancestors.Any(workflow => IsOf(caller, workflow.Namespace, workflow.WorkflowId)) ? true : throw Elsewhere();
    }

    // A schedule's workflows are named by the id that it gives and, behind a dash, their time.
    private static bool IsOf(VerifiedCaller caller, string ns, string workflowId) => caller.Namespace == ns
        && (caller.WorkflowId == workflowId || (caller.ScheduleId is not null && workflowId.StartsWith(caller.WorkflowId + "-", StringComparison.Ordinal)));

    private static CallerAssertionException Elsewhere() => new("It is of another namespace, workflow or activity.");
}
