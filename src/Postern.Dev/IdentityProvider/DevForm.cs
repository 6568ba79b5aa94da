using Microsoft.AspNetCore.Http;

namespace Postern.Dev.IdentityProvider;

/// <summary>A posted form of small fields, each there once.</summary>
internal sealed class DevForm
{
    private readonly IFormCollection _fields;

    private DevForm(IFormCollection fields) => _fields = fields;

    /// <summary>Reads the form; null where the body is none, is broken, or names a field twice.</summary>
    public static async Task<DevForm?> ReadAsync(HttpRequest request)
    {
        if (request.ContentType?.Split(';')[0].Trim() is not { } type || !type.Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        try
        {
            var fields = await request.ReadFormAsync(request.HttpContext.RequestAborted);
            return fields.All(f => f.Value.Count == 1) ? new DevForm(fields) : null;
        }
        catch (Exception e) when (e is InvalidDataException or BadHttpRequestException)
        {
            return null;
        }
    }

    /// <summary>The field, or null where it is missing or empty.</summary>
    public string? One(string name) => _fields.TryGetValue(name, out var values) && values is [{ Length: > 0 } value] ? value : null;
}
