using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;
using Postern.Identity.Certificates;

namespace Postern.OAuth;

/// <summary>The parameters of one request to an endpoint, read within bounds, and where it comes from.</summary>
internal sealed class OAuthForm
{
    private const int LargestBody = 64 * 1024;
    private const int MostParameters = 64;
    private const int LongestName = 128;
    private const int LongestValue = 32 * 1024;
    private static readonly TimeSpan s_within = TimeSpan.FromSeconds(10);

    // RFC 8707 §2, RFC 8693 §2.1: these may be given several times, every other parameter once (RFC 6749 §3.2).
    private static readonly string[] s_many = ["resource", "audience"];

    private readonly Dictionary<string, StringValues> _values;

    private OAuthForm(Dictionary<string, StringValues> values, StringValues authorization, PresentedCertificate? certificate, IPAddress? source, CancellationToken cancellation)
    {
        _values = values;
        Authorization = authorization;
        Certificate = certificate;
        Source = source;
        Cancellation = cancellation;
    }

    public StringValues Authorization { get; }

    /// <summary>What the connection proved.</summary>
    public PresentedCertificate? Certificate { get; }

    public IPAddress? Source { get; }

    public CancellationToken Cancellation { get; }

    /// <summary>The value of a parameter; null where it isn't given or is empty, which is the same (RFC 6749 §3.2).</summary>
    public string? this[string name] => _values.TryGetValue(name, out var value) && value.ToString() is { Length: > 0 } text ? text : null;

    /// <summary>What the token is to be for. RFC 8693 has two words for it, RFC 8707 one of them; all mean what will stand in <c>aud</c>.</summary>
    public IReadOnlyList<string> Audiences => [.. All("resource"), .. All("audience")];

    public string Required(string name) => this[name] ?? throw OAuthException.InvalidRequest($"{name} is missing.");

    private IReadOnlyList<string> All(string name) => _values.TryGetValue(name, out var values) ? [.. values.Where(value => !string.IsNullOrEmpty(value)).OfType<string>()] : [];

    public static async Task<OAuthForm> ReadAsync(HttpContext context, IPAddress? source, TimeProvider time)
    {
        if (!HasFormType(context.Request.ContentType))
        {
            throw OAuthException.InvalidRequest("Send the parameters as application/x-www-form-urlencoded.");
        }

        if (context.Request.QueryString.HasValue)
        {
            // RFC 6749 §2.3.1: never in the URL, where every proxy writes them down.
            throw OAuthException.InvalidRequest("Send the parameters in the body, not in the URL.");
        }

        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = LargestBody;
        }

        using var within = new CancellationTokenSource(s_within, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(within.Token, context.RequestAborted);
        try
        {
            var reader = new FormPipeReader(context.Request.BodyReader) { KeyLengthLimit = LongestName, ValueLengthLimit = LongestValue, ValueCountLimit = MostParameters };
            var values = await reader.ReadFormAsync(both.Token);
            return values.FirstOrDefault(pair => pair.Value.Count > 1 && !s_many.Contains(pair.Key)).Key is { } twice
                ? throw OAuthException.InvalidRequest(twice.All(c => c is > ' ' and < '\x7f') ? $"{twice} is given more than once." : "A parameter is given more than once.")
                : new OAuthForm(values, context.Request.Headers.Authorization, context.Features.Get<PresentedCertificate>(), source, context.RequestAborted);
        }
        catch (Exception e) when (e is InvalidDataException or BadHttpRequestException)
        {
            throw new OAuthException("invalid_request", "The body is too large or can't be read.", e is BadHttpRequestException bad ? bad.StatusCode : StatusCodes.Status400BadRequest);
        }
        catch (OperationCanceledException) when (within.IsCancellationRequested)
        {
            throw new OAuthException("invalid_request", "The body took too long to come.", StatusCodes.Status408RequestTimeout);
        }
    }

    private static bool HasFormType(string? type) =>
        type is not null && type.Split(';')[0].Trim().Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase);
}
